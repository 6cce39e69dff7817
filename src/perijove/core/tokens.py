"""Tokens: who shows one, and making, listing and revoking them."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from perijove.core.held import held
from perijove.core.lives import Lives
from perijove.core.memory import Memory, Shelf
from perijove.core.overlap import lacking, overlap
from perijove.core.roles import Roles
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.secret import digest, hexadecimal
from perijove.kit.storable import stored_as
from perijove.model.errors import Invalid, Stale, Unknown
from perijove.model.principal import Principal
from perijove.model.scope import INHERIT, Scope, bad_scope, identify, resolved
from perijove.model.scope import Kind as Filter
from perijove.model.token import Kind, Token
from perijove.model.user import Standing, User
from perijove.store import sessions, users
from perijove.store import tokens as store
from perijove.store.database import Database
from perijove.store.statement import Statements

logger = logging.getLogger(__name__)

_LONGEST_SECRET = 256
_LONGEST_NOTE = 255
_CONTROL = re.compile(r"[\x01-\x1f\x7f]+")


class Holders(Protocol):
    """Others than people, who have tokens of their own."""

    def known(self, token: str) -> Principal | None:
        """Return who has a token with that digest, if that needs no look."""
        ...

    async def found(self, token: str) -> Principal | None:
        """Return who has one, after a look."""


class Nobody:
    """There are no others."""

    def known(self, token: str) -> Principal | None:  # noqa: ARG002
        """Return None."""
        return None

    async def found(self, token: str) -> Principal | None:  # noqa: ARG002
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class _Shown:
    principal: Principal
    expires: datetime | None


@dataclass(slots=True, kw_only=True)
class Tokens:
    """All tokens: those in the database, and those of services and of our own programs."""

    database: Database
    clock: Clock
    ids: Ids
    roles: Roles
    memory: Memory
    ours: Mapping[str, Principal] = field(default_factory=dict[str, Principal])
    """Our own programs, by the digest of their token."""
    services: Holders = field(default_factory=Nobody)
    """Say which service has a token of that digest."""
    configured: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of people, by the digest of a token that the configuration gives them."""
    lives: Lives = field(default_factory=Lives)
    _shelf: Shelf[_Shown] = field(init=False, default_factory=Shelf[_Shown])

    def __post_init__(self) -> None:
        """Let every write that matters empty the shelf."""
        self.memory.add(self._shelf)

    async def principal(self, secret: str) -> Principal | None:
        """Return who shows `secret` and what it lets them do, or None."""
        if len(secret) > _LONGEST_SECRET:
            return None
        key = digest(secret)
        known = self.ours.get(key) or self.services.known(key)
        if known:
            return known
        now = self.clock()
        shown = self._shelf.get(key, now) or await self._read(key, now)
        if shown is None:
            return await self.services.found(key)
        if shown.expires is not None and shown.expires <= now:
            return None
        return shown.principal

    async def make(
        self,
        owner: User,
        *,
        by: Principal,
        note: str = "",
        scopes: Sequence[str] | None = None,
        expires_in: int | None = None,
    ) -> tuple[Token, str]:
        """Return a new token of `owner`, and its secret, which is kept nowhere.

        `scopes`: None is whatever the owner holds when it is used. `expires_in`: seconds; None
        is as long as may be.

        Raises:
            Invalid: a scope that the owner does not hold, or no good time.
            Stale: the owner is gone, or who asks was shut out a moment ago.
        """
        now, life = self.clock(), self.lives.token(expires_in)
        token = Token(
            id=self.ids(),
            kind=Kind.API,
            user_id=owner.id,
            user=owner.name,
            note=_noted(note or _requested(owner, by)),
            scopes=(INHERIT,) if scopes is None else await self._granted(owner, scopes),
            created=now,
            expires=now + life if life else None,
        )
        secret = hexadecimal()
        still = _still(by)
        try:
            await self.database.write(*still, store.add(token, digest(secret)))
        except Stale:  # another hub has made the same id (kit.ids), or who asks or owns is gone
            token = replace(token, id=self.ids())
            await self.database.write(*still, store.add(token, digest(secret)))
        return token, secret

    async def of(self, owner: User) -> list[Token]:
        """Return the tokens of `owner`, the longest unused first; forget what has expired."""
        await self.database.write(store.purge(self.clock()))
        return await self.database.read(store.of(owner.id))

    async def get(self, owner: User, id: int) -> Token:
        """Return one token of `owner`.

        Raises:
            Unknown: they have no such token.
        """
        token = await self.database.read(store.one_of(owner.id, id))
        if token is None or (token.expires is not None and token.expires <= self.clock()):
            raise Unknown
        return token

    async def revoke(self, owner: User, id: int) -> None:
        """Delete a token; if a client was given it, all that it was given by `owner`.

        Raises:
            Unknown: they have no such token.
        """
        token = await self.get(owner, id)
        if token.kind is Kind.OAUTH and token.client:
            await self.database.write(store.remove_of_client(token.client, owner.id))
        else:
            await self.database.write(store.remove(id))
        self.memory.forget()

    async def holds(self, owner: User) -> frozenset[Scope]:
        """Return all that `owner` may do now, expanded."""
        return await held(self.database, self.roles, owner, self.clock())

    async def scopes(self, owner: User, token: Token) -> frozenset[Scope]:
        """Return what `token` lets its owner do now, expanded."""
        return await self._effective(owner, token)

    async def asked(self, owner: User, scopes: Sequence[str] | None) -> frozenset[Scope]:
        """Return what a new token of `owner` would let them do now, expanded; None: all.

        Raises:
            Invalid: a scope that the owner does not hold.
        """
        granted = (INHERIT,) if scopes is None else await self._granted(owner, scopes)
        if INHERIT in granted:
            return await self.holds(owner)
        return self.roles.expand(map(self.roles.parse, granted))

    async def lacking(
        self, owner: User, wanted: frozenset[Scope], holds: frozenset[Scope]
    ) -> frozenset[Scope]:
        """Return what is in `wanted`, of `owner`, and not within `holds`; both are expanded."""
        return await lacking(self.database, wanted, holds, {owner.name: owner.groups})

    async def _read(self, key: str, now: datetime) -> _Shown | None:
        times_cleared = self._shelf.times_cleared
        shown = await (self._of_values(key) if key in self.configured else self._kept(key))
        if shown is not None:
            self._shelf.put(key, shown, now, times_cleared)
        return shown

    async def _kept(self, key: str) -> _Shown | None:
        """Return who shows a token of the database."""
        found = await self.database.read(store.found(key))
        if found is None or found[1].standing is not Standing.ACTIVE:
            return None
        token, owner = found
        principal = _person(
            owner,
            await self._effective(owner, token),
            token_id=token.id,
            token_kind=token.kind,
            session=token.session,
        )
        return _Shown(principal, token.expires)

    async def _of_values(self, key: str) -> _Shown | None:
        """Return who shows a token of the configuration: it lets them do all they may."""
        owner = await self.database.read(users.named(self.configured[key]))
        if owner is None or owner.standing is not Standing.ACTIVE:
            return None
        return _Shown(_person(owner, await self.holds(owner), token_kind=Kind.API), None)

    async def _effective(self, owner: User, token: Token) -> frozenset[Scope]:
        holds = await self.holds(owner)
        if INHERIT in token.scopes:
            return holds
        granted = self.roles.granted(owner.name, token.scopes)
        both = await overlap(self.database, granted, holds, {owner.name: owner.groups})
        more = granted & identify(owner.name)
        return both if more <= both else both | more

    async def _granted(self, owner: User, texts: Sequence[str]) -> tuple[str, ...]:
        """Return `texts` as they are stored, if `owner` holds them all."""
        parsed = [self.roles.parse(text) for text in texts]
        for scope in parsed:
            if scope.kind in {Filter.SERVER, Filter.SERVICE} and not scope.value:
                raise bad_scope(scope.text)  # nothing says which
        asked = resolved(parsed, user=owner.name)
        wanted = self.roles.expand(scope for scope in asked if scope.name != INHERIT)
        lacking = await self.lacking(owner, wanted, await self.holds(owner))
        if lacking:
            texts = sorted(scope.text for scope in lacking)
            raise Invalid("token-scopes", user=owner.name, scopes=", ".join(texts))
        return tuple(sorted(scope.text for scope in asked))


def service_principal(name: str, scopes: frozenset[Scope], *, admin: bool = False) -> Principal:
    """Return who shows the token of a service."""
    return Principal(name=name, kind="service", groups=frozenset(), scopes=scopes, admin=admin)


def _person(owner: User, scopes: frozenset[Scope], **shown: Any) -> Principal:
    """Return who shows a token of a person."""
    return Principal(
        name=owner.name,
        kind="user",
        user_id=owner.id,
        groups=owner.groups,
        admin=owner.admin,
        scopes=scopes,
        user=owner,
        **shown,
    )


def _still(by: Principal) -> Statements:
    """Return what requires that `by` may still ask: another hub may have ended that just now."""
    if by.token_id is not None:
        return (store.hold(by.token_id),)
    if by.cookie and by.user_id is not None and by.session:
        return (sessions.hold(by.user_id, by.session),)
    return ()


def _noted(text: str) -> str:
    """Return as much of a note as has room, in one line."""
    return stored_as(_CONTROL.sub(" ", text)[:_LONGEST_NOTE])


def _requested(owner: User, by: Principal) -> str:
    own = by.kind == "user" and by.name == owner.name
    return "Requested via api" if own else f"Requested via api by {by.kind} {by.name}"
