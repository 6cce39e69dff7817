"""Counts: what a proxy has done, raised on the way and read when somebody asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from time import monotonic

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Seconds by which answers had begun."""


class Counts:
    """Plain numbers: what raises them must cost next to nothing."""

    __slots__ = (
        *("asked", "buckets", "by_status", "failed", "received", "refused", "seconds"),
        *("_now", "sent", "websockets"),
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
        self.websockets = 0
        """Those that are open."""

    def answered(self, status: int, since: float, size: int = 0) -> float:
        """Count the head of an answer to what came at `since`, and the first of its body.

        Returns what time it is.
        """
        now = self._now()
        seconds = now - since
        self.by_status[status] += 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sent += size
        return now
