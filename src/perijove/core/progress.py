"""Progress: what the start of a server has come to, for pages and programs that watch it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from perijove.core.admission import Admission
from perijove.core.memory import Shelf
from perijove.core.reached import PERCENT, began, reached, steps
from perijove.kit.clock import Clock
from perijove.model.decide import CANCELLED
from perijove.model.errors import Away
from perijove.model.server import Desired, Phase, Server
from perijove.model.signal import Signal
from perijove.model.stage import Outcome, Stage, StepCode
from perijove.model.workload import GONE, Observation
from perijove.spawners import Spawner
from perijove.store import phase_log, remains
from perijove.store import servers as store
from perijove.store.database import Database

_LOOK = 1.0
_PATIENCE = 2.0
"""Seconds that a page waits for a log."""
_ORDER = list(StepCode)


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class _Watched:
    """One server that somebody watches: the newest that is known, and who waits for more."""

    server: Server
    seen: Observation = GONE
    reached: dict[StepCode, datetime] = field(default_factory=dict[StepCode, datetime])
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0
    gone: bool = False
    """There is no such row any more."""
    looked: float = field(default_factory=_now)
    """When its row was last looked at, or told, by the loop's clock."""
    _furthest: tuple[int, StepCode] = (0, StepCode.REQUESTED)
    """The last step that this start was seen at."""

    def get_to(self, step: StepCode) -> StepCode:
        """Return `step`, or a later one that this start was at: a look may be older than that."""
        if self.server.phase is not Phase.STARTING:
            return step
        start, furthest = self._furthest
        if start != self.server.incarnation or _ORDER.index(step) > _ORDER.index(furthest):
            self._furthest = self.server.incarnation, step
        return self._furthest[1]

    def ring(self) -> None:
        """Wake who waits for more."""
        self.looked = _now()
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


@dataclass(slots=True, kw_only=True)
class Progress:
    """One broadcast per replica. Everything begins with the row, so a restart loses nothing."""

    database: Database
    spawner: Spawner
    admission: Admission
    clock: Clock = field(default_factory=Clock)
    in_cluster: bool = False
    """Whether a start finds a machine and gets an image."""
    shelf: Shelf[list[Server]] = field(default_factory=Shelf[list[Server]])
    """Servers that were read a moment ago, of people."""
    drives: Callable[[str], bool] = lambda _: True
    """Whether this replica drives the server of a workload, and so is told what it looks like."""
    _watched: dict[int, _Watched] = field(init=False, default_factory=dict[int, _Watched])

    def tell(self, server: Server, seen: Observation | None = None) -> None:
        """Take note of a row, and of what its workload looked like; costs little unwatched."""
        self.shelf.clear()
        watched = self._watched.get(server.id)
        if watched is None or server.version < watched.server.version:
            return
        same = server.version == watched.server.version
        if same and (seen is None or seen == watched.seen):
            return
        watched.server = server
        if seen is not None or watched.seen.incarnation:  # of an earlier start, it says nothing
            seen = seen or watched.seen
            watched.seen = seen if seen.incarnation == server.incarnation else GONE
        watched.ring()

    def gone(self, server: Server) -> None:
        """Take note that the row of `server` was deleted."""
        watched = self._watched.get(server.id)
        if watched is not None:
            watched.gone = True
            watched.ring()

    def away(self, key: str, error: OSError) -> None:
        """Tell who watches a start that it waits for its place, if that cannot be reached."""
        if not isinstance(error, Away):
            return
        signal = Signal(code=error.code)
        for watched in self._watched.values():
            if watched.server.key == key and signal not in watched.seen.signals:
                watched.seen = replace(watched.seen, signals=(*watched.seen.signals, signal))
                watched.ring()

    async def of(self, server: Server) -> AsyncIterator[Stage]:
        """Yield how far the start of `server` is, now and whenever that changes, to its end."""
        with self._watching(server) as watched:
            await self._look(watched)
            last = None
            while True:
                changed = watched.changed
                stage = self._stage(watched)
                if stage != last:
                    yield stage
                last = stage
                if stage.ended:
                    return
                await self._more(watched, changed)

    async def rest(self, server: Server, *, removed: bool) -> None:
        """Return when `server` is at rest or, if it is to be `removed`, is there no more."""
        with self._watching(server) as watched:
            while not watched.gone and (removed or not _has_rested(server, watched.server)):
                await self._more(watched, watched.changed)

    @contextmanager
    def _watching(self, server: Server) -> Iterator[_Watched]:
        watched = self._watched[server.id] = self._newest(server)
        watched.watchers += 1
        try:
            yield watched
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                self._watched.pop(server.id, None)

    def _newest(self, server: Server) -> _Watched:
        """Return what is known of a server, which is no older than the row `server`."""
        watched = self._watched.get(server.id)
        if watched is None:
            return _Watched(server)
        if server.version > watched.server.version:
            self.tell(server)
        return watched

    async def _more(self, watched: _Watched, changed: asyncio.Event) -> None:
        """Wait for news. What another replica does is seen by its row, once a second.

        Of many who wait one looks: whoever is awake first.
        """
        try:
            async with asyncio.timeout_at(watched.looked + _LOOK):
                await changed.wait()
        except TimeoutError:
            if _now() >= watched.looked + _LOOK:
                watched.looked = _now()
                await self._catch_up(watched)

    async def now(self, server: Server) -> Stage:
        """Return how far the start of `server` is, looking at its workload."""
        watched = self._newest(server)
        await self._look(watched)
        return self._stage(watched)

    async def log(self, server: Server) -> str:
        """Return the end of its log: of this start, or what is kept of the last."""
        with suppress(OSError):  # the place does not answer: what holds it up is told all the same
            if text := await self._written(server):
                return text
        return await self._kept(server)

    async def why(self, server: Server, reason: Signal) -> Signal:
        """Return `reason`, or the same for one whose log, where people would look, is empty."""
        if reason.code != "exited" or await self._kept(server):
            return reason
        try:
            written = await self._written(server)
        except OSError:  # what it has written is unknown, not nothing
            return reason
        return reason if written else replace(reason, code="exited-silent")

    async def ran(self, server: Server) -> bool:
        """Return whether this start of `server` has ever been ready."""
        log = await self.database.read(phase_log.of(server.id))
        return any(it.phase is Phase.RUNNING and it.incarnation == server.incarnation for it in log)

    async def _written(self, server: Server) -> str:
        """Return the end of what its workload has written; OSError: the place does not answer."""
        async with asyncio.timeout(_PATIENCE):
            return await self.spawner.logs(server.key)

    async def _kept(self, server: Server) -> str:
        """Return what is kept of the log of the last one that ended."""
        kept = await self.database.read(remains.last(server.id))
        return kept.log if kept else ""

    async def _look(self, watched: _Watched) -> None:
        """Look at a workload that nobody watched before: a page loaded again goes on from there."""
        server = watched.server
        if server.at_rest or watched.seen is not GONE:
            return
        with suppress(OSError):
            seen = await self.spawner.poll(server.key)
            if seen.incarnation == server.incarnation and watched.seen is GONE:
                watched.seen = seen

    async def _catch_up(self, watched: _Watched) -> None:
        """Read the row, and look at the workload if nobody else here does."""
        row = await self.database.read(store.by_id(watched.server.id))
        if row is None:
            self.gone(watched.server)
            return
        seen = None
        if not row.at_rest and not self.drives(row.key):
            with suppress(OSError):
                seen = await self.spawner.poll(row.key)
        self.tell(row, seen)

    def _stage(self, watched: _Watched) -> Stage:
        server, seen = watched.server, watched.seen
        outcome, failure = _outcome(server)
        here = watched.get_to(reached(server, seen, in_cluster=self.in_cluster))
        at = watched.reached
        seen_before = bool(at) and not server.at_rest  # else who knows when this step began
        if server.phase is Phase.STARTING:
            at.setdefault(StepCode.PLACE if self.in_cluster else StepCode.HOME, server.since)
            told = began(seen, here)
            at |= {step: max(when, server.since) for step, when in told.items()}
        latest = max([server.since, *at.values()])
        at.setdefault(here, self.clock() if seen_before else latest)
        ahead = self.admission.ahead(server) if here is StepCode.QUEUED else 0
        message = failure or (
            Signal(code="queue.start", params={"ahead": ahead})
            if here is StepCode.QUEUED
            else Signal(code=f"progress.{here}")
        )
        return Stage(
            server=server,
            outcome=outcome,
            percent=100 if outcome is not Outcome.STARTING else PERCENT[here],
            message=message,
            steps=steps(here, at, in_cluster=self.in_cluster, failed=outcome is Outcome.FAILED),
            signals=seen.signals,
        )


def _has_rested(then: Server, now: Server) -> bool:
    """Return whether a server that was to stop has; it may have been started again since."""
    again = now.incarnation > then.incarnation or now.desired is Desired.RUNNING
    return now.at_rest or again


def _outcome(server: Server) -> tuple[Outcome, Signal | None]:
    match server.phase:
        case Phase.RUNNING:
            return Outcome.READY, None
        case Phase.FAILED | Phase.STOPPED | Phase.STOPPING:
            return Outcome.FAILED, server.reason or CANCELLED
        case Phase.QUEUED | Phase.STARTING:
            return Outcome.STARTING, None
