"""Everything about who is who, assembled; and what the rules say, applied at every start."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from perijove.authenticators import Authenticator
from perijove.core.accounts import Accounts, Rooms
from perijove.core.first import FirstLink
from perijove.core.grants import Grants
from perijove.core.groups import Groups
from perijove.core.limits import Limits
from perijove.core.login import Login
from perijove.core.memory import Memory
from perijove.core.people import Declared, Difference, People
from perijove.core.roles import Roles
from perijove.core.rules import Rules
from perijove.core.sessions import Sessions
from perijove.core.share_codes import ShareCodes
from perijove.core.shares import Shares
from perijove.core.tokens import Tokens
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.passwords import Passwords
from perijove.kit.secret import digest
from perijove.model.principal import Principal
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
    services: Mapping[str, Principal] = field(default_factory=dict[str, Principal])
    """By their token, which stands in the configuration."""
    passwords: Passwords = field(default_factory=Passwords)
    first: Path | None = None
    """The file with the secret of the one-time link."""
    declared: Declared = field(default_factory=Declared)
    """What the values say of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The parts of core.Hub that know people."""

    accounts: Accounts
    groups: Groups
    login: Login
    sessions: Sessions
    tokens: Tokens
    grants: Grants
    share_codes: ShareCodes
    roles: Roles
    people: People


def assemble(needs: Needs) -> Gate:
    """Return the gate. It does nothing by itself."""
    database, clock, ids, memory = needs.database, needs.clock, needs.ids, Memory()
    roles = needs.roles
    accounts = Accounts(
        database=database,
        clock=clock,
        ids=ids,
        memory=memory,
        passwords=needs.passwords,
        rooms=needs.rooms,
    )
    sessions = Sessions(database=database, clock=clock, ids=ids, roles=roles, memory=memory)
    groups = Groups(database=database, memory=memory)
    return Gate(
        accounts=accounts,
        groups=groups,
        people=People(accounts=accounts, groups=groups, declared=needs.declared),
        sessions=sessions,
        login=Login(
            accounts=accounts,
            sessions=sessions,
            authenticator=needs.authenticator(accounts, needs.passwords),
            rules=needs.rules,
            limits=Limits(database=database, clock=clock),
            first=FirstLink(path=needs.first, clock=clock) if needs.first else None,
        ),
        tokens=Tokens(
            database=database,
            clock=clock,
            ids=ids,
            roles=roles,
            memory=memory,
            services=_by_digest(needs.services),
        ),
        grants=Grants(database=database, clock=clock, ids=ids, roles=roles, memory=memory),
        share_codes=_share_codes(needs, memory),
        roles=roles,
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
    gate.tokens.services = _by_digest(needs.services)
    gate.people.declared = needs.declared
    gate.accounts.memory.forget()


def _by_digest(services: Mapping[str, Principal]) -> dict[str, Principal]:
    return {digest(token): who for token, who in services.items()}


async def apply_rules(gate: Gate) -> list[Difference]:
    """Do what the rules say of those who are known already, and warn if nobody may enter.

    What was not as the values say, and is now, is returned.
    """
    rules = gate.login.rules
    await gate.login.forget_used_link()
    await gate.accounts.shut_out_left()
    settled = await gate.people.apply()
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
