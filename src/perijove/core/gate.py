"""Everything about who is who, assembled; and what the rules say, applied at every start."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from perijove.authenticators import Authenticator
from perijove.core.accounts import Accounts, Rooms
from perijove.core.auth_states import AuthStates, Keeping
from perijove.core.domains import Domains
from perijove.core.first import FirstLink
from perijove.core.grants import Grants
from perijove.core.groups import Groups
from perijove.core.limits import Limits
from perijove.core.lives import Lives
from perijove.core.login import Login
from perijove.core.managed import Managed, Managing
from perijove.core.memory import Memory
from perijove.core.people import Declared, Difference, People
from perijove.core.refresh import Asking, Refresh
from perijove.core.roles import Roles
from perijove.core.rules import Rules
from perijove.core.services import Services, nothing
from perijove.core.sessions import Sessions
from perijove.core.share_codes import ShareCodes
from perijove.core.shares import Shares
from perijove.core.tokens import Tokens
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.passwords import Passwords
from perijove.kit.secret import digest
from perijove.model.principal import Principal
from perijove.model.service import Service
from perijove.store.database import Database

logger = logging.getLogger(__name__)

MakeAuthenticator: TypeAlias = Callable[[Accounts, Passwords], Authenticator]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the gate is built from."""

    database: Database
    clock: Clock
    ids: Ids
    rooms: Rooms
    authenticator: MakeAuthenticator
    rules: Rules = field(default_factory=Rules)
    roles: Roles = field(default_factory=Roles)
    ours: Mapping[str, Principal] = field(default_factory=dict[str, Principal])
    """Our own programs, by their token."""
    services: Mapping[str, Service] = field(default_factory=dict[str, Service])
    """Those of the configuration, by name."""
    user_tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of people, by the digest of a token of the configuration."""
    base_url: str = "/"
    domains: Domains = field(default_factory=Domains)
    rerouted: Callable[[], None] = nothing
    """Is called when routes to services are others than there were."""
    passwords: Passwords = field(default_factory=Passwords)
    managing: Managing = field(default_factory=Managing)
    keeping: Keeping = field(default_factory=Keeping)
    asking: Asking = field(default_factory=Asking)
    first: Path | None = None
    """The file with the secret of the one-time link."""
    lives: Lives = field(default_factory=Lives)
    require_proof: bool = False
    """Refuse OAuth clients that send no PKCE challenge."""
    declared: Declared = field(default_factory=Declared)
    """What the values say of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The parts of core.Hub that know people."""

    accounts: Accounts
    groups: Groups
    login: Login
    refresh: Refresh
    sessions: Sessions
    tokens: Tokens
    grants: Grants
    share_codes: ShareCodes
    roles: Roles
    people: People
    services: Services


def assemble(needs: Needs) -> Gate:
    """Return the gate. It does nothing by itself."""
    accounts = Accounts(
        database=needs.database,
        clock=needs.clock,
        ids=needs.ids,
        memory=Memory(),
        passwords=needs.passwords,
        rooms=needs.rooms,
    )
    services = _services(needs, accounts.memory)
    sessions, tokens, grants = _credentials(needs, accounts.memory, services)
    groups = Groups(database=needs.database, memory=accounts.memory)
    login = _login(needs, accounts, sessions)
    return Gate(
        services=services,
        accounts=accounts,
        groups=groups,
        people=People(accounts=accounts, groups=groups, declared=needs.declared),
        sessions=sessions,
        login=login,
        refresh=Refresh(login=login, states=login.states, sessions=sessions, asking=needs.asking),
        tokens=tokens,
        grants=grants,
        share_codes=_share_codes(needs, accounts.memory),
        roles=needs.roles,
    )


def _login(needs: Needs, accounts: Accounts, sessions: Sessions) -> Login:
    return Login(
        accounts=accounts,
        sessions=sessions,
        authenticator=needs.authenticator(accounts, needs.passwords),
        rules=needs.rules,
        limits=Limits(database=needs.database, clock=needs.clock),
        managed=Managed(accounts=accounts, roles=needs.roles, managing=needs.managing),
        states=AuthStates(needs.database, needs.keeping),
        first=FirstLink(path=needs.first, clock=needs.clock) if needs.first else None,
    )


def _credentials(
    needs: Needs, memory: Memory, services: Services
) -> tuple[Sessions, Tokens, Grants]:
    """Return all that people and programs show."""
    of_all: dict[str, Any] = {
        "database": needs.database,
        "clock": needs.clock,
        "ids": needs.ids,
        "roles": needs.roles,
        "memory": memory,
        "lives": needs.lives,
    }
    return (
        Sessions(**of_all),
        Tokens(
            **of_all,
            ours=_by_digest(needs.ours),
            services=services,
            configured=needs.user_tokens,
        ),
        Grants(**of_all, service=services.client, require_proof=needs.require_proof),
    )


def _services(needs: Needs, memory: Memory) -> Services:
    return Services(
        database=needs.database,
        clock=needs.clock,
        roles=needs.roles,
        memory=memory,
        base_url=needs.base_url,
        domains=needs.domains,
        configured=needs.services,
        rerouted=needs.rerouted,
    )


def _share_codes(needs: Needs, memory: Memory) -> ShareCodes:
    database = needs.database
    shares = Shares(database=database, clock=needs.clock, ids=needs.ids, memory=memory)
    return ShareCodes(database=database, shares=shares)


def renew(gate: Gate, needs: Needs) -> None:
    """Go by `needs` from now on; `apply_rules` does what they say of those who are known."""
    gate.login.rules = needs.rules
    gate.login.authenticator = needs.authenticator(gate.accounts, gate.accounts.passwords)
    gate.roles.become(needs.roles)
    gate.tokens.ours = _by_digest(needs.ours)
    gate.tokens.configured = needs.user_tokens
    gate.services.configured = needs.services
    gate.sessions.lives = gate.tokens.lives = gate.grants.lives = needs.lives
    gate.grants.require_proof = needs.require_proof
    gate.login.managed.managing = needs.managing
    gate.login.states.renew(needs.keeping)
    gate.refresh.asking = needs.asking
    gate.people.declared = needs.declared
    gate.accounts.memory.forget()


def _by_digest(ours: Mapping[str, Principal]) -> dict[str, Principal]:
    return {digest(token): who for token, who in ours.items()}


async def begin(gate: Gate) -> None:
    """Do what is done once, at the start."""
    managed = gate.login.managed
    if managed.managing.reset:
        await managed.reset()


async def apply_rules(gate: Gate) -> list[Difference]:
    """Do what the rules say of those who are known already, and warn if nobody may enter.

    What was not as the values say, and is now, is returned.
    """
    rules = gate.login.rules
    await gate.login.forget_used_link()
    await gate.accounts.shut_out_left()
    settled = await gate.people.apply()
    await gate.services.settle()
    for name in sorted(rules.blocked_users):
        user = await gate.accounts.named(name)
        if user:
            await gate.accounts.shut_out(user)
    for name in sorted(rules.admin_users - rules.blocked_users):
        user = await gate.accounts.named(name)
        if user and not user.admin and not gate.login.authenticator.sign_up:
            await gate.accounts.change(user, admin=True)
    if not rules.any:
        logger.warning("no rule lets anybody sign in: set allow_all or allowed_users")
    return settled
