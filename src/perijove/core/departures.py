"""Departures: accounts of people who have not been here for long are deleted, if that is wished.

As `jupyterhub-idle-culler --cull-users` does it. Nobody leaves while a server of theirs runs. That
it was begun is written with the block that it begins with, so that the next hub goes on with it.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from perijove.core.accounts import Accounts
from perijove.core.activity import Activity
from perijove.core.leases import Alone, Leases
from perijove.kit.clock import Clock
from perijove.model.errors import Conflict, HubError, Unknown, Untimely
from perijove.model.user import NEVER, Standing, User
from perijove.store import activity as store
from perijove.store import departures as begun
from perijove.store.people import Activeness, Wanted, key

logger = logging.getLogger(__name__)

_PAGE = 200
_HERE = timedelta(minutes=10)
"""Who did something so lately is here, however old their account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Who leaves; None is nobody."""

    timeout: timedelta | None = None
    """Who has done nothing for so long."""
    max_age: timedelta | None = None
    """Whose account is older than that, and of whom nothing runs."""
    administrators: bool = False
    """Administrators as well; the last one never."""
    staying: frozenset[str] = frozenset()
    """Names that never do: the values name them, and would bring them back."""
    every: timedelta = timedelta(minutes=10)
    """Between two looks."""

    @property
    def any(self) -> bool:
        """Return whether anybody leaves at all."""
        return self.timeout is not None or self.max_age is not None


@dataclass(slots=True, kw_only=True)
class Departures:
    """Looks every so often who has left."""

    accounts: Accounts
    activity: Activity
    clock: Clock
    leaving: Leaving = field(default_factory=Leaving)
    leases: Leases = field(default_factory=Alone)
    """Several hubs share people by their ids, as they do servers."""

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self.leaving.every.total_seconds())
            try:
                await self.turn()
            except OSError as error:
                logger.warning("cannot look who has left: %s; trying again later", error)
            except Exception:
                logger.exception("cannot look who has left; trying again later")

    async def turn(self) -> None:
        """Delete whoever has left; go on with what was begun, unless it is wished no more."""
        if self.leaving.any:
            await self._see_off()
        for user in await self._all(Wanted(standing=Standing.BLOCKED)):
            if self.leases.holds(str(user.id)) and await self._was_begun(user):
                await self._go_on(user)

    async def _see_off(self) -> None:
        idle = self.leaving.timeout is not None and self.leaving.max_age is None
        before = self.clock() - self.leaving.timeout if idle and self.leaving.timeout else None
        wanted = Wanted(standing=Standing.ACTIVE, state=Activeness.INACTIVE, before=before)
        for user in await self._all(wanted):
            if self._has_left(user) and self.leases.holds(str(user.id)):
                await self._deal(user)

    async def _all(self, wanted: Wanted) -> list[User]:
        found: list[User] = []
        while True:
            after = key(found[-1], wanted.order) if found else None
            page, _ = await self.accounts.page(wanted, 0, _PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                return found

    def _has_left(self, user: User) -> bool:
        leaving, now = self.leaving, self.clock()
        if not leaving.any or user.name in leaving.staying:
            return False
        if user.admin and not leaving.administrators:
            return False
        seen = max(self.activity.of_user(user) or user.created, user.created)
        if seen == NEVER or now - seen < _HERE:
            return False  # nobody knows when they were here, or they are
        idle = leaving.timeout is not None and now - seen >= leaving.timeout
        return idle or (leaving.max_age is not None and now - user.created >= leaving.max_age)

    async def _deal(self, user: User) -> None:
        """Begin with it, unless they come back at this moment, or are the last administrator."""
        if any(not it.at_rest for it in await self.accounts.rooms.of(user)):
            return
        if user.admin and not await self.accounts.has_another_administrator():
            return
        try:
            await self.accounts.block(user, begun.begin(user.id), store.not_seen_since(user))
        except (Conflict, Unknown):
            logger.info("%s is here again", user.name)
            return
        await self._end(user)

    async def _was_begun(self, user: User) -> bool:
        return await self.accounts.database.read(begun.find(user.id)) is not None

    async def _go_on(self, user: User) -> None:
        """End it, if they still have left by what the values say now; else let them in again."""
        if self._has_left(user):
            await self._end(user)
            return
        try:
            await self.accounts.approve(user)
        except HubError as error:
            logger.warning("%s cannot be let in again now: %s", user.name, error)
        else:
            logger.info("%s stays, by what the values say now: they may sign in again", user.name)

    async def _end(self, user: User) -> None:
        try:
            await self.accounts.delete(user, begun.require(user.id))
        except Untimely:
            logger.info("%s is deleted later: a server of theirs is still stopping", user.name)
        except (HubError, OSError) as error:
            logger.warning("%s cannot be deleted now: %s", user.name, error)
        else:
            logger.info("%s was not here for long: the account is deleted", user.name)
