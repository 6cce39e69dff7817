"""Counts: what a proxy has done, raised on the way and read when somebody asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Seconds by which answers had begun."""


_NOW = frozenset(("connections", "draining", "idle", "websockets"))
"""Those that say what is; the others say what has been."""


class Counts:
    """Plain numbers: what raises them must cost next to nothing."""

    __slots__ = (
        *("_now", "asked", "buckets", "by_status", "connections", "draining", "dropped", "failed"),
        *("handshakes", "idle", "made", "received", "refused", "reused", "seconds", "sent"),
        "websockets",
    )

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self.asked = [0, 0]
        """Requests that want no WebSocket, and those that want one."""
        self.by_status = Counter[int]()
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.refused = Counter[str]()
        """Requests that were not passed on, by reason."""
        self.failed = Counter[str]()
        """Requests that a target did not answer, or not to the end, by cause."""
        self.received = self.sent = 0
        """Bytes of bodies and frames, from clients and to them."""
        self.made = self.reused = 0
        """Connections to targets that were made, and requests that needed no new one."""
        self.handshakes = Counter({"done": 0, "failed": 0})
        """Of clients with TLS, by how they ended."""
        self.websockets = 0
        """Those that are open."""
        self.connections = self.idle = self.draining = self.dropped = 0
        """Open ones of clients, those to targets that wait for a request, processes that end, and
        lines of the access log that could not be written (Edge.counted)."""

    def answered(self, status: int, since: float, size: int = 0) -> None:
        """Count the head of an answer to what came at `since`, and the first of its body."""
        seconds = self._now() - since
        self.by_status[status] += 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sent += size

    def told(self) -> dict[str, Any]:
        """Return all of them for another process, as `plus` takes them."""
        found = {name: getattr(self, name) for name in self.__slots__ if name != "_now"}
        return {
            name: [*it.items()] if isinstance(it, Counter) else it for name, it in found.items()
        }

    def plus(self, told: dict[str, Any], *, over: bool = False) -> None:
        """Add what another process has told; `over`: it is no more, and nothing of it is open."""
        for name, more in told.items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                for key, number in more:
                    mine[key] += number
            elif isinstance(mine, list):
                setattr(self, name, [one + other for one, other in zip(mine, more, strict=True)])
            elif not over or name not in _NOW:
                setattr(self, name, mine + more)
