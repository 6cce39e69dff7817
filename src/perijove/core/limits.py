"""Rate limits that hold across replicas, restarts and any number of tries at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perijove.kit.clock import Clock
from perijove.kit.rarely import Rarely
from perijove.model.errors import Busy, Stale
from perijove.store import attempts as store
from perijove.store.database import Database
from perijove.store.statement import Statements

WINDOW = timedelta(minutes=1)
_LONGEST_KEY = 300
_RACES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts tries in the database before they are made."""

    database: Database
    clock: Clock
    _sweep: Rarely = field(init=False, default_factory=lambda: Rarely(WINDOW))

    async def take(self, most: Mapping[str, int]) -> None:
        """Count one more try for each key, of which there may be `most[key]` in a minute.

        All are counted, or none.

        Raises:
            Busy: there were as many already; the parameters say when to come again.
        """
        for _ in range(_RACES):
            now = self.clock()
            count: list[Statements] = []
            for key, limit in most.items():
                count.append(await self._one_more(key[:_LONGEST_KEY], limit, now))
            try:
                await self.database.write(*self._swept(now), *sum(count, ()))
            except Stale:  # another has counted meanwhile: look again
                continue
            return
        raise Busy("signin.slow-down", retry_after=1, wait=1, until=self.clock().isoformat())

    def given_back(self, *keys: str) -> Statements:
        """Return what counts one try less: it was a good one."""
        return tuple(store.one_less(key[:_LONGEST_KEY]) for key in keys)

    def remembered(self, key: str, life: timedelta) -> Statements:
        """Return what remembers `key` for as long as `life`.

        Two at once can be Stale; who tries again overwrites what the other has written.
        """
        return store.until(key[:_LONGEST_KEY], self.clock() + life)

    async def known(self, key: str) -> timedelta:
        """Return for how long `key` is remembered yet; none: it is not."""
        found = await self.database.read(store.find(key[:_LONGEST_KEY]))
        return max(found.since - self.clock(), timedelta()) if found else timedelta()

    async def _one_more(self, key: str, most: int, now: datetime) -> Statements:
        """Return what counts one more for `key`."""
        after, latest = now - WINDOW, now + WINDOW
        found = await self.database.read(store.find(key))
        if found is None or not after < found.since <= latest:
            return store.first(key, now, after, latest)
        if found.count < most:
            return (store.another(key, after, latest, most),)
        until = found.since + WINDOW
        wait = max(1, -(-(until - now) // timedelta(seconds=1)))
        raise Busy("signin.slow-down", retry_after=wait, wait=wait, until=until.isoformat())

    def _swept(self, now: datetime) -> Statements:
        """Return what forgets the windows that are over, now and then: it looks at every row."""
        return (store.purge(now - WINDOW),) if self._sweep(now) else ()
