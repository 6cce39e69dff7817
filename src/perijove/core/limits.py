"""Rate limits that hold across replicas, restarts and any number of tries at once."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from perijove.kit.clock import Clock
from perijove.model.errors import Busy, Stale
from perijove.store import attempts as store
from perijove.store.database import Database

WINDOW = timedelta(minutes=1)
_LONGEST_KEY = 300
_RACES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts tries in the database before they are made."""

    database: Database
    clock: Clock

    async def take(self, key: str, most: int) -> None:
        """Count one more try, of which there may be `most` in a minute.

        Raises:
            Busy: there were as many already; the parameters say when to come again.
        """
        key = key[:_LONGEST_KEY]
        for _ in range(_RACES):
            now = self.clock()
            if await self._counted(key, most):
                return
            full = await self.database.read(store.find(key))
            if full and full.count >= most and now - WINDOW < full.since <= now + WINDOW:
                until = full.since + WINDOW
                wait = max(1, -(-(until - now) // timedelta(seconds=1)))
                raise Busy("signin.slow-down", retry_after=wait, wait=wait, until=until.isoformat())
        raise Busy("signin.slow-down", retry_after=1, wait=1, until=self.clock().isoformat())

    async def give_back(self, *keys: str) -> None:
        """Count one try less: it was a good one."""
        await self.database.write(*(store.one_less(key[:_LONGEST_KEY]) for key in keys))

    async def know(self, key: str, life: timedelta) -> None:
        """Remember `key` for as long as `life`."""
        with suppress(Stale):  # another replica has just written the same
            await self.database.write(*store.until(key[:_LONGEST_KEY], self.clock() + life))

    async def known(self, key: str) -> bool:
        """Return whether `key` is remembered."""
        found = await self.database.read(store.find(key[:_LONGEST_KEY]))
        return found is not None and found.since > self.clock()

    async def _counted(self, key: str, most: int) -> bool:
        now = self.clock()
        try:
            await self.database.write(store.another(key, now - WINDOW, now + WINDOW, most))
        except Stale:
            pass
        else:
            return True
        try:
            again = store.unwind(key, now + WINDOW), store.first(key, now)
            await self.database.write(store.purge(now - WINDOW), *again)
        except Stale:
            return False
        return True
