"""Rounds: what puts servers in line, besides those who ask: time, and the place where they run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from perijove.core.absence import Absence
from perijove.core.leases import Leases
from perijove.kit.backoff import Backoff
from perijove.model.decide import Patience
from perijove.model.server import Server
from perijove.spawners import Spawner
from perijove.store import servers
from perijove.store.database import Database
from perijove.store.statement import Statement

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """A hint that is lost costs a sweep, one that comes twice nothing."""

    database: Database
    spawner: Spawner
    leases: Leases
    patience: Patience
    moving: Callable[[Sequence[Server]], None]
    """Takes all rows in motion."""
    row: Callable[[Server], None]
    """Takes a row that was read: it may have to be put in line."""
    ring: Callable[[str], None]
    """Takes the key of a workload that may have changed."""
    _backoff: Backoff = field(default_factory=Backoff)
    _absence: Absence = field(default_factory=lambda: Absence("reading servers"))

    async def run(self) -> None:
        """Go on until cancelled."""
        look = self.patience.look.total_seconds()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._read(servers.unsettled, _nothing, self._sweep))
            tasks.create_task(
                self._read(servers.in_motion, self.moving, lambda: asyncio.sleep(look))
            )

    async def _sweep(self) -> None:
        """Wait until everything is to be looked at: in a while, or when there is more of it."""
        try:
            async with asyncio.timeout(self.patience.sweep.total_seconds()):
                await self.leases.gained.wait()
        except TimeoutError:
            return
        self.leases.gained.clear()

    async def _read(
        self,
        wanted: Callable[[], Statement[list[Server]]],
        know: Callable[[Sequence[Server]], None],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        """Hand on what `wanted` returns, again and again; another replica may have asked."""
        while True:
            try:
                rows = await self.database.read(wanted())
                know(rows)
                for server in rows:
                    self.row(server)
            except OSError as error:
                await asyncio.sleep(self._absence.wait(wanted.__name__, error))
                continue
            except Exception:
                logger.exception("cannot read what to do; trying again later")
            else:
                self._absence.over(wanted.__name__)
            await pause()

    async def _listen(self) -> None:
        while True:
            try:
                async for key in self.spawner.watch():
                    self._backoff.forget("watch")
                    self.ring(key)
            except Exception:
                logger.exception("watch broke; beginning again")
            await asyncio.sleep(self._backoff.next("watch"))


def _nothing(rows: Sequence[Server]) -> None:
    del rows
