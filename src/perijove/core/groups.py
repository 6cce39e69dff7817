"""Groups: who belongs together, and what is said of all of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perijove.core.memory import Memory
from perijove.core.naming import require_properties
from perijove.kit.storable import storable
from perijove.model.errors import Conflict, Invalid, Stale, Unknown
from perijove.model.group import Group
from perijove.model.user import User
from perijove.store import groups as store
from perijove.store import users
from perijove.store.database import Database
from perijove.store.statement import Key, Statement

_LONGEST = 255
_RACES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Reads and changes them. What a group gives its members counts with their next request."""

    database: Database
    memory: Memory

    async def all(self) -> list[Group]:
        """Return every group, by name."""
        return await self.database.read(store.every())

    async def page(
        self,
        offset: int,
        limit: int,
        after: Key | None = None,
        only: Collection[str] | None = None,
    ) -> tuple[list[Group], int]:
        """Return one page of all groups by name, and how many they are altogether.

        `after`: those after the one of that name, however many are before it.
        `only`: the names of those that the asking principal may see; None: all.
        """
        found = await self.database.read(store.page(offset, limit, after, only))
        return found, await self.database.read(store.count(only))

    async def named(self, name: str) -> Group:
        """Return the group called `name`.

        Raises:
            Unknown: there is none.
        """
        found = await self.database.read(store.named(name)) if storable(name) else None
        if found is None:
            raise Unknown
        return found

    async def create(self, *names: str, members: Iterable[str] = ()) -> list[Group]:
        """Make a group of each name with the same members, all of them or none.

        Raises:
            Invalid: no group may be called that, or there is no such user.
            Conflict: there is one of that name.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            require_name(name)
        them = await self._users(members)
        statements = [it for name in wanted for it in _made(name, them)]
        try:
            await self._write(statements)
        except Stale as error:
            await self._users(members)  # if one of them was deleted meanwhile
            raise Conflict("group.taken", group=", ".join(wanted)) from error
        return [await self.named(name) for name in wanted]

    async def delete(self, name: str) -> None:
        """Delete a group; its members stay who they are.

        Raises:
            Unknown: there is none.
        """
        await self.named(name)
        try:
            await self._write(store.remove(name))
        except Stale as error:
            raise Unknown from error

    async def join(self, name: str, members: Iterable[str]) -> Group:
        """Make users members; whoever is one stays it.

        Raises:
            Unknown: there is no such group.
            Invalid: there is no such user; then nobody becomes a member.
        """
        return await self._move(name, members, join=True)

    async def leave(self, name: str, members: Iterable[str]) -> Group:
        """Make users members no more; whoever is none stays out.

        Raises:
            Unknown: there is no such group.
            Invalid: there is no such user; then everybody stays a member.
        """
        return await self._move(name, members, join=False)

    async def describe(self, name: str, properties: Mapping[str, Any]) -> Group:
        """Replace all its properties.

        Raises:
            Unknown: there is no such group.
            Invalid: they are no JSON that could be told again.
        """
        require_properties(properties)
        try:
            await self._write([store.change(name, properties)])
        except Stale as error:
            raise Unknown from error
        return await self.named(name)

    async def _move(self, name: str, members: Iterable[str], *, join: bool) -> Group:
        change: Callable[[int, str], Statement[None]] = store.join if join else store.leave
        for _ in range(_RACES):
            them = await self._users(members)
            now = set((await self.named(name)).users)
            moving = [user for user in them if (user.name in now) is not join]
            try:
                await self._write([change(user.id, name) for user in moving])
            except Stale:  # somebody else has moved one of them meanwhile
                continue
            return await self.named(name)
        raise Conflict

    async def _users(self, names: Iterable[str]) -> list[User]:
        found = []
        for name in dict.fromkeys(names):
            user = await self.database.read(users.named(name)) if storable(name) else None
            if user is None:
                raise Invalid("group.no-such-user", user=name[:_LONGEST])
            found.append(user)
        return found

    async def _write(self, statements: Sequence[Statement[None]]) -> None:
        if statements:
            await self.database.write(*statements)
            self.memory.forget()


def require_name(name: str) -> None:
    """Let a group be called `name`: any text on one line, as JupyterHub takes it.

    Raises:
        Invalid: it is empty or long, or holds what cannot be shown.
    """
    if not 1 <= len(name) <= _LONGEST or not name.isprintable() or not storable(name):
        raise Invalid("group.bad-name", group=name[:_LONGEST])


def _made(name: str, members: Sequence[User]) -> list[Statement[None]]:
    return [store.add(name, {}), *(store.join(user.id, name) for user in members)]
