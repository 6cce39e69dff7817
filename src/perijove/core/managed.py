"""Managed: the groups and roles that the authenticator says somebody has, at each sign-in."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perijove.authenticators import GivenRole, Identity
from perijove.core.accounts import Accounts
from perijove.core.groups import require_name
from perijove.core.names import short
from perijove.core.roles import ADMIN, Roles, require_role_name
from perijove.model.errors import Conflict, Invalid, Stale, Unknown
from perijove.model.role import Role
from perijove.model.user import User
from perijove.store import auth_states, users
from perijove.store import groups as groups_store
from perijove.store import roles as store
from perijove.store.statement import Statement, Statements

logger = logging.getLogger(__name__)
T = TypeVar("T")

_RACES = 16
_MOST = 1000
"""How many groups, or roles, one may have by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managing:
    """What the authenticator decides: Authenticator.manage_groups and kin."""

    groups: bool = False
    roles: bool = False
    reset: bool = False
    """Forget at the start what roles it gave: whoever signs in gets theirs again."""


@dataclass(slots=True, kw_only=True)
class Managed:
    """Writes down what it says. Groups and roles that make no sense are left out, and named."""

    accounts: Accounts
    roles: Roles
    managing: Managing = field(default_factory=Managing)

    async def settle(
        self, user: User, identity: Identity, *, admin: bool | None, still: Statements = ()
    ) -> User:
        """Return `user` as `identity` has them; what it says nothing of stays.

        `admin`: True: they are an administrator whatever their roles; False: by a role alone;
        None: nothing is said. `still`: is written with each part of it.

        Raises:
            Stale: `still` holds no more, so nothing was written from then on.
            Conflict: others write the same without end.
            Unknown: they are gone.
        """
        gives = self.managing.roles and identity.roles is not None
        if admin and not user.admin:
            user = await self._change(user, still, admin=True)
        elif admin is False and user.admin and not gives:
            user = await self._change(user, still, admin=False, roles=user.roles - {ADMIN})
            logger.warning("%s is no administrator any more, the authenticator says", user.name)
        if self.managing.groups and identity.groups is not None:
            await self._join(user, _good_groups(identity), still)
        if gives:
            await self._give(user, self._good_roles(identity), still, admin=admin)
        elif self.managing == Managing():
            return user
        return await self._now(user)

    async def overtake(self, user: User) -> User:
        """Return `user` anew, of whom no answer that was asked for before is written any more."""
        await self.accounts.database.write(auth_states.drop(user.id))
        return await self._now(user)

    async def reset(self) -> None:
        """Take back all roles that the authenticator gave; groups stay."""
        database = self.accounts.database
        await database.write(store.clear())  # first: who signs in at another hub gets them anew
        for user in await database.read(users.with_roles()):
            admin = user.admin and ADMIN not in user.roles
            with suppress(Unknown):  # deleted meanwhile
                await self.accounts.change(user, roles=frozenset[str](), admin=admin)
        self.roles.learn(())
        self.accounts.memory.forget()

    async def _now(self, user: User) -> User:
        found = await self.accounts.by_id(user.id)
        if found is None:
            raise Unknown
        return found

    async def _require(self, still: Statements) -> None:
        if still:
            await self.accounts.database.write(*still)

    async def _change(self, user: User, still: Statements, **fields: Any) -> User:
        try:
            return await self.accounts.change(user, *still, **fields)
        except Conflict:
            await self._require(still)
            raise

    async def _join(self, user: User, wanted: frozenset[str], still: Statements) -> None:
        database = self.accounts.database
        for _ in range(_RACES):
            had = (await self._now(user)).groups
            if had == wanted:
                return
            there = await database.read(groups_store.names())
            try:
                await database.write(
                    *still,
                    *(groups_store.add(name, {}) for name in sorted(wanted - there)),
                    *(groups_store.join(user.id, name) for name in sorted(wanted - had)),
                    *(groups_store.leave(user.id, name) for name in sorted(had - wanted)),
                )
            except Stale:  # somebody else has made or moved one of them meanwhile
                await self._require(still)
                continue
            self.accounts.memory.forget()
            _log(user, "groups", wanted - had, had - wanted)
            return
        raise Conflict

    async def _give(
        self, user: User, given: Sequence[GivenRole], still: Statements, *, admin: bool | None
    ) -> None:
        wanted = frozenset(role.name for role in given)
        for _ in range(_RACES):
            was = await self._now(user)
            puts = await self._puts(given)
            keeps = was.admin and ADMIN not in was.roles if admin is None else admin
            becomes = keeps or ADMIN in wanted
            if not puts and was.roles == wanted and was.admin is becomes:
                return
            try:
                await self.accounts.change(was, *still, *puts, roles=wanted, admin=becomes)
            except Conflict:  # another hub has written the same role meanwhile
                await self._require(still)
                continue
            self.roles.learn(await self.accounts.database.read(store.every()))
            _log(user, "roles", wanted - was.roles, was.roles - wanted)
            return
        raise Conflict

    async def _puts(self, given: Iterable[GivenRole]) -> list[Statement[None]]:
        """Return what writes those of `given` that are new, or mean something else now."""
        there = {role.name: role for role in await self.accounts.database.read(store.every())}
        puts = []
        for it in given:
            role = Role(name=it.name, scopes=tuple(sorted(it.scopes)), description=it.description)
            known = there.get(role.name)
            if not role.scopes or role == known:
                continue
            puts.append(store.change(role) if known else store.add(role))
        return puts

    def _good_roles(self, identity: Identity) -> list[GivenRole]:
        found: dict[str, GivenRole] = {}
        for role in identity.roles or ():
            try:
                require_role_name(role.name)
                for text in role.scopes:
                    self.roles.parse(text)
            except Invalid as error:
                said = error.params.get("scope", "its name")
                words = "the authenticator gives %s the role %s, which is left out: %s (%s)"
                logger.warning(words, short(identity.name), short(role.name), said, error.code)
                continue
            if role.scopes and self.roles.find(role.name):
                words = "the role %s is what the configuration says, not the authenticator"
                logger.warning(words, role.name)
                role = GivenRole(name=role.name)  # noqa: PLW2901
            found[role.name] = role
        return _few(list(found.values()), identity.name, "roles")


def _good_groups(identity: Identity) -> frozenset[str]:
    found = []
    for name in sorted(identity.groups or ()):
        try:
            require_name(name)
        except Invalid:
            words = "the authenticator puts %s into a group that cannot be: %s"
            logger.warning(words, short(identity.name), short(name))
            continue
        found.append(name)
    return frozenset(_few(found, identity.name, "groups"))


def _few(found: list[T], name: str, what: str) -> list[T]:
    if len(found) > _MOST:
        logger.warning("%s has %d %s; the first %d count", short(name), len(found), what, _MOST)
    return found[:_MOST]


def _log(user: User, what: str, more: frozenset[str], less: frozenset[str]) -> None:
    words = "as the authenticator says: %s of %s: %s more, %s less"
    logger.info(words, what, short(user.name), sorted(more), sorted(less))
