"""Shares: what people and groups may do with somebody's server, as long as it is shared."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from perijove.core.memory import Memory
from perijove.core.names import short
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.storable import storable
from perijove.model.errors import Conflict, Denied, Invalid, Stale, Unknown
from perijove.model.principal import Principal
from perijove.model.scope import NO_CUSTOM, Implied, Kind, Target
from perijove.model.server import Server
from perijove.model.share import Share, without
from perijove.model.user import User
from perijove.store import groups, servers, users
from perijove.store import shares as store
from perijove.store.database import Database
from perijove.store.statement import Statement, Statements

_RACES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class With:
    """Whom a server is shared with: a person or a group."""

    user: User | None = None
    group: str | None = None

    @property
    def user_id(self) -> int | None:
        """The id of the person, if it is one."""
        return self.user.id if self.user else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Reads and changes them. A change counts with the next request of whom it concerns."""

    database: Database
    clock: Clock
    ids: Ids
    memory: Memory

    async def of_owner(self, owner: User) -> list[Share]:
        """Return every share of the servers of `owner`, the oldest first."""
        return await self.database.read(store.of_owner(owner.id))

    async def of_server(self, server: Server) -> list[Share]:
        """Return every share of `server`, the oldest first."""
        return await self.database.read(store.of_server(server.id))

    async def with_person(self, user: User) -> list[Share]:
        """Return what is shared with `user`, also by their groups, the oldest first."""
        return await self.database.read(store.with_person(user.id))

    async def with_group(self, group: str) -> list[Share]:
        """Return what is shared with a group, the oldest first."""
        return await self.database.read(store.with_group(group))

    async def find(self, server: Server, them: With) -> Share | None:
        """Return the share of `server` with them, or None."""
        return await self.database.read(store.find(server.id, them.user_id, them.group))

    async def known(self, user: str, group: str) -> With | None:
        """Return the person called `user`, else the group called `group`; None: there is none."""
        if user:
            found = await self.database.read(users.named(user)) if storable(user) else None
            return With(user=found) if found else None
        there = await self.database.read(groups.named(group)) if storable(group) else None
        return With(group=there.name) if there else None

    async def named(self, principal: Principal, user: str, group: str) -> With:
        """Return the same, if `principal` may know who is there.

        Raises:
            Denied: they may not.
            Invalid: there is nobody of that name.
        """
        them = await self.known(user, group)
        of = them.user.groups if them and them.user else frozenset[str]()
        scope, target = "read:groups:name", Target(kind=Kind.GROUP, group=group)
        if user:
            scope, target = "read:users:name", Target(kind=Kind.USER, user=user, groups=of)
        if not holds(principal, scope, target):
            raise Denied("share.no-names", scope=scope)
        if them is None and user:
            raise Invalid("share.no-such-user", user=short(user))
        if them is None:
            raise Invalid("share.no-such-group", group=short(group))
        return them

    async def grant(self, server: Server, scopes: Iterable[str], them: With) -> Share:
        """Let them do what the scopes called `scopes` allow, beside what they may already.

        Raises:
            Invalid: they own it, or are gone.
            Unknown: the server is gone.
        """
        for _ in range(_RACES):
            share, change = await self.giving(server, scopes, them)
            try:
                await self.write(*change)
            except Stale:  # somebody else has changed it meanwhile, or one of them is gone
                await self.require_there(server, them)
                continue
            return share
        raise Conflict

    async def giving(
        self, server: Server, scopes: Iterable[str], them: With, *, accepted: bool = False
    ) -> tuple[Share, Statements]:
        """Return the share with `scopes` in it, and what writes that, for this moment.

        `accepted`: the person has said that they want it.

        Raises:
            Invalid: they own it.
        """
        if them.user_id == server.user_id:
            raise Invalid("share.own")
        was, now = await self.find(server, them), self.clock()
        if was is None:
            new = Share(
                id=self.ids(),
                server=server,
                user=them.user.name if them.user else None,
                group=them.group,
                scopes=tuple(sorted(set(scopes))),
                created=now,
                accepted=now if accepted else None,
            )
            return new, (store.add(new, them.user_id),)
        at = was.accepted or (now if accepted else None)
        new = replace(was, scopes=tuple(sorted({*was.scopes, *scopes})), accepted=at)
        return new, () if new == was else (store.change(was, new),)

    async def accept(self, shares: Sequence[Share]) -> None:
        """Note that the person with whom they are shared wants them; a group wants nothing."""
        now = self.clock()
        for share in shares:
            if share.user is not None and share.accepted is None:
                with suppress(Stale):  # then they are asked again
                    await self.write(store.change(share, replace(share, accepted=now)))

    async def revoke(
        self,
        server: Server,
        them: With,
        scopes: Iterable[str] | None = None,
        custom: Implied = NO_CUSTOM,
    ) -> Share | None:
        """Take the scopes called `scopes` from them, or all; return what is left, if anything.

        `custom`: what the scopes of the configuration imply.
        """
        for _ in range(_RACES):
            was = await self.find(server, them)
            if was is None:
                return None
            left = () if scopes is None else without(was.scopes, scopes, server, custom)
            if left == was.scopes:
                return was
            new = replace(was, scopes=left)
            try:
                await self.write(store.change(was, new) if left else store.remove(was))
            except Stale:
                continue
            return new if left else None
        raise Conflict

    async def revoke_all(self, server: Server) -> None:
        """Share `server` with nobody any more; its links stay."""
        await self.write(store.remove_of_server(server.id))

    async def require_there(self, server: Server, them: With) -> None:
        """Return if all of them are there still.

        Raises:
            Unknown: the server is gone.
            Invalid: the person or the group is.
        """
        if await self.database.read(servers.by_id(server.id)) is None:
            raise Unknown
        if them.user and await self.database.read(users.by_id(them.user.id)) is None:
            raise Invalid("share.no-such-user", user=short(them.user.name))
        if them.group and await self.database.read(groups.named(them.group)) is None:
            raise Invalid("share.no-such-group", group=short(them.group))

    async def write(self, *statements: Statement[None]) -> None:
        """Write what changes shares; the next request of everybody knows."""
        if statements:
            await self.database.write(*statements)
            self.memory.forget()


def require_held(principal: Principal, server: Server, owner: User, scopes: Iterable[str]) -> None:
    """Let nobody share what they do not hold themselves, on this server.

    Raises:
        Denied: `principal` lacks one of the scopes called `scopes`.
    """
    target = Target(kind=Kind.SERVER, user=owner.name, server=server.name, groups=owner.groups)
    if lacking := sorted(it for it in set(scopes) if not holds(principal, it, target)):
        raise Denied("share.not-held", scopes=", ".join(lacking))


def holds(principal: Principal, scope: str, target: Target) -> bool:
    """Return whether `principal` holds the scope called `scope` on `target`."""
    return any(it.name == scope and it.covers(target) for it in principal.scopes)
