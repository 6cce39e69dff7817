"""Give a person another name. All that is theirs hangs on their id; what says the name follows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from perijove.core import names
from perijove.core.accounts import Accounts
from perijove.core.rescoping import followed
from perijove.core.servers import Servers
from perijove.model.errors import Conflict, Invalid, Stale, Unknown, Untimely
from perijove.model.scope import renamed
from perijove.model.server import Server
from perijove.model.user import User
from perijove.store import servers as rows
from perijove.store import users

_RACES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """Renames people. Their servers get other addresses, so none may run meanwhile."""

    accounts: Accounts
    servers: Servers

    async def rename(self, user: User, name: str) -> User:
        """Call `user` `name` from now on: sessions, tokens, groups, servers and files stay.

        Roles and rules of the configuration go by names, and so belong to whoever has the name.

        Raises:
            Invalid: nobody may be called that, or somebody is, or looks the same.
            Untimely: a server of theirs does not rest.
            Unknown: they are gone.
        """
        called = names.user_name(name)
        for attempt in range(_RACES):
            was = await self.accounts.by_id(user.id)
            if was is None:
                raise Unknown
            if was.name == called:
                return was
            own = await self.servers.of(was)
            _require_rest(own)
            new = replace(was, name=called, version=was.version + 1)
            # With the first row the home is settled: it does not move with the name.
            first = () if own else (rows.add(await self.servers.new(was, "", attempt)),)
            other = partial(renamed, old=was.name, new=called)
            follow = await followed(self.accounts.database, other)
            try:
                await self.accounts.database.write(
                    *first, users.rename(was, new, names.look(called)), *follow
                )
            except Stale:
                await self._require_free(was, called)
                continue
            await self._settle(new)
            return new
        raise Conflict

    async def _settle(self, user: User) -> None:
        """Forget the old name, and stop what was begun under it at the same moment."""
        self.accounts.memory.forget()
        self.servers.shelf.clear()
        for server in await self.servers.of(user):
            if not server.at_rest:
                await self.servers.stop(user, server.name)

    async def _require_free(self, user: User, name: str) -> None:
        """Let `user` be called `name`.

        Raises:
            Invalid: somebody is called that, or looks the same.
        """
        if await self.accounts.named(name):
            raise Invalid("name.taken", name=name)
        alike = await self.accounts.database.read(users.looking_like(names.look(name)))
        if alike is not None and alike != user.name:
            raise Invalid("name.look-alike", name=name)


def _require_rest(servers: Iterable[Server]) -> None:
    for server in servers:
        if not server.at_rest:
            raise Untimely("server-active", server=f"{server.user}/{server.name}")
