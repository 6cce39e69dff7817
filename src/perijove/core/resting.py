"""Servers at rest: make one without starting it; give one another name or other options."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from perijove.core.memory import Memory
from perijove.core.naming import display_name_of
from perijove.core.rescoping import followed
from perijove.core.servers import Servers
from perijove.model.errors import Conflict, Stale, Unknown, Untimely
from perijove.model.scope import moved
from perijove.model.server import Desired, Server
from perijove.model.user import User
from perijove.store import servers as store
from perijove.store.statement import Statements

_RACES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes another; None stays."""

    name: str | None = None
    display_name: str | None = None
    user_options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """What may be asked of servers that do not run."""

    servers: Servers
    memory: Memory

    async def add(self, user: User, name: str, wanted: Change) -> Server:
        """Make server `name` of `user`, and start nothing.

        Raises:
            Conflict: there is one of that name; the default one always is.
            Invalid: it may not be called that, or `user` may not have it with these options.
            Untimely: they have as many as they may have.
            Unknown: they were deleted meanwhile.
        """
        if not name:
            raise _taken(user, name)
        options = self.servers.allowed(user, wanted.user_options or {})
        shown = display_name_of(wanted.display_name) if wanted.display_name else ""
        for attempt in range(_RACES):
            if await self.servers.find(user, name):
                raise _taken(user, name)
            await self.servers.require_new(user, name, attempt)
            drawn = await self.servers.new(user, name, attempt)
            new = replace(drawn, user_options=options, display_name=shown)
            few = self.servers.few_named(user, name)
            try:
                await self.servers.database.write(store.add(new), *few)
            except Stale:  # the name, a port, or an id of a client was taken meanwhile
                continue
            self.servers.shelf.clear()
            return new
        raise Conflict

    async def change(self, user: User, name: str, wanted: Change) -> Server:
        """Change server `name` of `user`; its files, and what it is called elsewhere, stay.

        Raises:
            Unknown: there is none.
            Untimely: it runs, starts or stops.
            Conflict: there is one of the new name.
            Invalid: it may not be called that, or `user` may not have it with these options.
        """
        options = wanted.user_options
        if options is not None:
            options = self.servers.allowed(user, options)
        shown = display_name_of(wanted.display_name) if wanted.display_name else None
        for attempt in range(_RACES):
            was = await self.servers.find(user, name)
            if was is None:
                raise Unknown
            self._require_rest(was)
            named = await self._named(user, was, wanted.name, attempt)
            new = replace(
                was,
                name=named,
                display_name=was.display_name if shown is None else shown,
                user_options=was.user_options if options is None else options,
                version=was.version + 1,
            )
            few = self.servers.few_named(user, named) if named != name else ()
            follow = await self._followed(was, new) if named != name else ()
            try:
                await self.servers.database.write(store.change(was, new), *few, *follow)
            except Stale:
                continue
            self.memory.forget()
            self.servers.shelf.clear()
            return new
        raise Conflict

    async def _followed(self, was: Server, new: Server) -> Statements:
        """Return what makes tokens for `was` go on for `new`, and none for who is called so next.

        The owner may have been renamed a moment ago, so their name is that of the row.
        """
        other = partial(moved, old=f"{was.user}/{was.name}", new=f"{was.user}/{new.name}")
        return await followed(self.servers.database, other)

    async def _named(self, user: User, was: Server, name: str | None, attempt: int) -> str:
        """Return what `was` is called from now on.

        Raises:
            Conflict: there is one of that name.
            Invalid, Untimely: it may not be called that.
        """
        if name is None or name == was.name:
            return was.name
        if not name or await self.servers.find(user, name):
            raise _taken(user, name)
        if was.name:  # no more of them than before
            self.servers.naming.require_new(user, name, 0)
        else:
            await self.servers.require_new(user, name, attempt)
        return name

    @staticmethod
    def _require_rest(server: Server) -> None:
        if not server.at_rest or server.desired is not Desired.STOPPED:
            raise Untimely("server-active", server=f"{server.user}/{server.name}")


def _taken(user: User, name: str) -> Conflict:
    return Conflict("server-name.taken", server=f"{user.name}/{name[:255]}")
