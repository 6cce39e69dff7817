"""Crew: the processes that serve beside this one, on the same socket, with the same routes.

This one leads: it alone hears of routes and tells of their use. Whichever of them the kernel gives
a connection serves it to its end.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import socketpair
from typing import Any

from perijove.kit.backoff import Backoff
from perijove.proxy.channel import Channel
from perijove.proxy.counts import Counts
from perijove.proxy.edge import Edge
from perijove.proxy.handover import another
from perijove.proxy.log import Log
from perijove.proxy.tree import Route
from perijove.proxy.worker import Number

_SILENT_SWEEPS = 60
"""A worker tells something every second."""
_MOST_UNSENT = 64 * 1024 * 1024
_GRACE = 3.0
_SETTLED = 5.0
"""Seconds after which one that ends has at least come up."""


@dataclass(slots=True, eq=False)
class _Hand:
    pid: int
    since: float
    channel: Channel = field(init=False)
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    silent: int = 0


class Crew:
    """Starts the others, tells them of routes, hears what they did, replaces those that end."""

    def __init__(self, more: int, edge: Edge, log: Log) -> None:
        """Lead `more` processes, 0 or more, beside this one, whose connections are `edge`'s."""
        self._more = more
        self._edge = edge
        self._log = log
        self._hands = set[_Hand]()
        self._past = Counts()
        """What those did that are no more."""
        self._ended = asyncio.Event()
        self._ending = False
        self._again = Backoff(0.1, 30.0)
        if more:
            self._shared, self._number = Number.made()
            edge.table.observer = self._changed

    async def run(self, place: str, listeners: Sequence[int]) -> None:
        """Keep them running, with these descriptors that listen at `place`, until cancelled."""
        while self._more:
            self._ended.clear()
            while len(self._hands) < self._more and not self._ending:
                try:
                    self._start(place, listeners)
                except OSError as error:
                    self._log(logging.ERROR, "worker-missing", why=str(error))
                    await asyncio.sleep(self._again.next("start"))
            await self._ended.wait()
            await asyncio.sleep(self._again.next("start"))

    def counted(self) -> Counts:
        """Return what all of them have counted; of the others as they last told."""
        found = self._edge.counted()
        found.plus(self._past.told())
        for hand in self._hands:
            found.plus(hand.told)
        return found

    def reload(self) -> None:
        """Have the others read, or open, their files again."""
        for hand in self._hands:
            hand.channel.tell({"reload": True})

    def sweep(self, now: float) -> None:
        """End those that hang; they are replaced."""
        for hand in list(self._hands):
            hand.silent += 1
            if now - hand.since > _SETTLED:
                self._again.forget("start")
            if hand.silent > _SILENT_SWEEPS or hand.channel.unsent > _MOST_UNSENT:
                self._log(logging.ERROR, "worker-hangs", pid=hand.pid)
                self._kill(hand)

    async def end(self, seconds: float, *, patient: bool) -> None:
        """Have them end, as Edge.drain does; kill those that do not."""
        self._ending = True
        for hand in self._hands:
            hand.channel.tell({"end": seconds, "patient": patient})
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + _GRACE):
                while self._hands:
                    self._ended.clear()
                    await self._ended.wait()
        for hand in list(self._hands):
            self._kill(hand)

    def _start(self, place: str, listeners: Sequence[int]) -> None:
        mine, others = socketpair()
        try:
            lead = {"channel": others.fileno(), "number": self._shared}
            given = {"listeners": {place: listeners}, "lead": lead}
            pid = another(given, others.fileno(), self._shared, *listeners)
        except OSError:
            mine.close()
            raise
        finally:
            others.close()
        hand = _Hand(pid, self._edge.loop.time())
        hand.channel = Channel(mine, lambda told: self._hear(hand, told), lambda: self._gone(hand))
        self._hands.add(hand)
        routes = [_told(it.path, it) for it in self._edge.table.each()]
        hand.channel.tell({"routes": routes, "number": self._number.seen[0]})

    def _changed(self, path: bytes, route: Route | None) -> None:
        number = self._number.seen[0] + 1
        for hand in self._hands:
            hand.channel.tell({"routes": [_told(path, route)], "number": number})
        self._number.seen[0] = number  # not before: who sees it reads what was told

    def _hear(self, hand: _Hand, told: Any) -> None:
        if not hand.told:
            self._log(logging.INFO, "worker-serves", pid=hand.pid)
        hand.silent = 0
        hand.told = told["counts"]
        for path, used in told["used"]:
            route = self._edge.table.at(path.encode("latin-1"))
            if route is not None:
                route.used = max(route.used, used)

    def _kill(self, hand: _Hand) -> None:
        with suppress(ProcessLookupError):
            os.kill(hand.pid, signal.SIGKILL)
        hand.channel.close()
        self._gone(hand)

    def _gone(self, hand: _Hand) -> None:
        if hand not in self._hands:
            return
        self._hands.discard(hand)
        with suppress(ProcessLookupError):
            os.kill(hand.pid, signal.SIGKILL)  # it has closed its end: nothing else is left to do
        with suppress(ChildProcessError):
            os.waitpid(hand.pid, 0)
        self._past.plus(hand.told, over=True)
        self._ended.set()
        if not self._ending:
            self._log(logging.WARNING, "worker-ended", pid=hand.pid)


def _told(path: bytes, route: Route | None) -> tuple[str, str, str | None]:
    if route is None:
        return path.decode("latin-1"), "", None
    return path.decode("latin-1"), route.prefix, route.target.url
