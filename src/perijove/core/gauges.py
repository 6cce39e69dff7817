"""Gauges: what servers use of their machine, and how big homes are; remembered for a moment.

Homes are added up one after another in the background, and only those that somebody has asked
for: it may take minutes, so what is told is dated.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perijove.kit.clock import Clock
from perijove.model.placement import Placement
from perijove.model.server import Server
from perijove.model.usage import Machine, Usage
from perijove.spawners import Gauge

logger = logging.getLogger(__name__)

_FRESH = timedelta(seconds=2)
_SHORTEST = timedelta(seconds=1)
"""Between two looks at processors."""
_HOME_FRESH = timedelta(minutes=10)
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One look."""

    usage: Usage
    at: datetime
    cores: float | None
    """Used since the look before, or since its start; None: that was just now."""


@dataclass(frozen=True, slots=True)
class HomeSize:
    """How big a home was."""

    bytes: int | None
    """None: it could not be added up."""
    at: datetime


@dataclass(slots=True, kw_only=True)
class Gauges:
    """Looks when somebody asks."""

    gauge: Gauge | None
    """None: nothing here knows."""
    clock: Clock
    _last: dict[str, Reading] = field(init=False, default_factory=dict[str, Reading])
    _homes: dict[str, HomeSize] = field(init=False, default_factory=dict[str, HomeSize])
    _asked: dict[str, Placement] = field(init=False, default_factory=dict[str, Placement])
    _bell: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def of(self, servers: Sequence[Server]) -> Mapping[int, Reading]:
        """Return what those of `servers` use that run here, by id."""
        if self.gauge is None:
            return {}
        now = self.clock()
        old = {it.key: it for it in servers if not it.at_rest and self._is_old(it, now)}
        if old:
            found = await asyncio.to_thread(self.gauge.usage, list(old))
            if len(self._last) > _MOST:
                self._last.clear()
            for key, server in old.items():
                if key in found:
                    self._last[key] = self._read(server, found[key], self.clock())
                else:
                    self._last.pop(key, None)
        known = ((it, self._last.get(it.key)) for it in servers if not it.at_rest)
        return {
            it.id: last for it, last in known if last and last.usage.incarnation == it.incarnation
        }

    async def machine(self) -> Machine | None:
        """Return what the machine has; None: there is not one alone."""
        return await asyncio.to_thread(self.gauge.machine) if self.gauge else None

    def known(self, placement: Placement) -> HomeSize | None:
        """Return how big a home was, if somebody has asked for it before."""
        return self._homes.get(placement.home)

    def home(self, placement: Placement) -> HomeSize | None:
        """Return how big a home was, if that is known by now; what is old is looked at again."""
        if self.gauge is None:
            return None
        known = self._homes.get(placement.home)
        if known is None or self.clock() - known.at > _HOME_FRESH:
            self._asked[placement.home] = placement
            self._bell.set()
        return known

    async def run(self) -> None:
        """Add up homes until cancelled."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._asked:
                home = next(iter(self._asked))
                await self._add_up(home, self._asked[home])
                del self._asked[home]

    async def _add_up(self, home: str, placement: Placement) -> None:
        assert self.gauge is not None
        size = None
        try:
            size = await asyncio.to_thread(self.gauge.home, placement)
        except Exception:
            logger.exception("the home %s cannot be added up", home)
        if len(self._homes) > _MOST:
            self._homes.clear()
        self._homes[home] = HomeSize(size, self.clock())

    def _is_old(self, server: Server, now: datetime) -> bool:
        last = self._last.get(server.key)
        fresh = last is not None and now - last.at < _FRESH
        return not fresh or (last is not None and last.usage.incarnation != server.incarnation)

    def _read(self, server: Server, usage: Usage, now: datetime) -> Reading:
        last = self._last.get(server.key)
        if last is None or last.usage.incarnation != usage.incarnation:
            began, before, cores = server.since, 0.0, None
        else:
            began, before, cores = last.at, last.usage.cpu_seconds or 0.0, last.cores
        if usage.cpu_seconds is not None and now - began >= _SHORTEST:
            cores = max(usage.cpu_seconds - before, 0.0) / (now - began).total_seconds()
        return Reading(usage, now, cores)
