"""Trash: the homes of deleted people, for a while; restore one, or delete it for good."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perijove.core.accounts import Accounts
from perijove.kit.clock import Clock
from perijove.model.errors import Conflict, Invalid, Unknown
from perijove.model.trash import Discarded
from perijove.model.user import User
from perijove.spawners import Trash as Place

logger = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds between two looks at what is there."""


@dataclass(slots=True, kw_only=True)
class Trash:
    """What lies where the place where servers run keeps it; no row in the database."""

    place: Place | None
    """None: what is taken away is gone, or is not ours to take."""
    accounts: Accounts
    home: Callable[[User], Awaitable[str]]
    """What the home of somebody is called; core.servers."""
    clock: Clock
    days: int = 30
    """How long a home is kept; 0: until somebody empties the trash."""

    def goes(self, it: Discarded) -> datetime | None:
        """Return when `it` is deleted; None: only by hand."""
        if not self.days or it.label is None:  # whoever threw that away was told that it stays
            return None
        return it.at + timedelta(days=self.days)

    async def all(self) -> list[Discarded]:
        """Return what is in it, the newest first."""
        found = await self.place.all() if self.place else []
        return sorted(found, key=lambda it: (it.at, it.key), reverse=True)

    async def one(self, key: str) -> Discarded:
        """Return one.

        Raises:
            Unknown: there is none.
        """
        return await self._place().one(key)

    async def would_take(self, user: User) -> bool:
        """Return whether there is a home of `user` that would come here, as far as one can see."""
        return self.place is None or await self.place.would_take(await self.home(user))

    async def restore(self, key: str) -> User:
        """Make the account anew, with its home; return it. Nobody gets a home by a name alone.

        May be called again when a crash came in between.

        Raises:
            Conflict: there is somebody of that name.
            Invalid: nobody knows whose it was.
            Unknown: it is not there.
        """
        place, it = self._place(), await self.one(key)
        if it.label is None:
            raise Invalid("trash.nobodys")
        user = await self.accounts.named(it.label.user)
        if user is None:
            user = self.accounts.new(it.label.user, display_name=it.label.display_name)
            await place.meant_for(key, user.id)
            await self.accounts.enter(user)
        elif user.id != it.label.heir:
            raise Conflict("trash.name-taken", name=user.name)
        await place.give(key, await self.home(user))
        return user

    async def give(self, key: str, heir: User) -> str:
        """Put it into a folder of the home of `heir`; return what the folder is called.

        Raises:
            Unknown: it is not there.
        """
        place, it = self._place(), await self.one(key)
        whose = f"{it.label.user_id}-" if it.label else ""
        folder = f"restored-{whose}{it.at:%Y-%m-%d}-{key[-4:]}"
        await place.give(key, await self.home(heir), folder)
        return folder

    async def empty(self, key: str) -> None:
        """Delete it for good.

        Raises:
            Unknown: it is not there.
        """
        await self._place().empty(key)

    async def run(self) -> None:
        """Look after it until cancelled."""
        while self.place is not None:
            try:
                await self.turn()
            except OSError as error:
                logger.warning("the trash cannot be looked after: %s", error)
            except Exception:  # what people leave behind must not end the hub
                logger.exception("the trash cannot be looked after; trying again later")
            await asyncio.sleep(LOOK)

    async def turn(self) -> None:
        """Finish what a crash has left, delete what is old enough, count what is new."""
        place = self._place()
        await place.sweep(self.clock())
        for it in await place.all():
            goes = self.goes(it)
            try:
                if goes is not None and goes <= self.clock():
                    await place.empty(it.key)
                    logger.info("trash: %s is deleted, after %s days", it.key, self.days)
                elif it.size is None:
                    await place.measure(it.key)
            except Unknown:  # somebody else has just restored or deleted it
                continue
            except OSError as error:  # one that cannot be deleted keeps nothing else back
                logger.warning("trash: %s cannot be looked after: %s", it.key, error)

    def _place(self) -> Place:
        if self.place is None:
            raise Unknown("trash.unknown")
        return self.place


def owner(it: Discarded) -> User:
    """Return whose it was, as far as who may touch it depends on that; if unknown, nobody's."""
    label = it.label
    return User(id=0, name=label.user if label else it.key, admin=label.admin if label else False)
