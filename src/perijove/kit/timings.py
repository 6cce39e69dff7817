"""Timings: how long things have taken, counted as cheaply as a histogram can be."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, of the buckets; one more is for all that took longer."""
LONG = (0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0)
"""The same, of what may take minutes."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Labels: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that takes time."""

    words: str
    labels: Labels = ()
    bounds: tuple[float, ...] = BOUNDS


REQUEST = "request_duration_seconds"
SPAWN = "server_spawn_duration_seconds"
STOP = "server_stop_seconds"
POLL = "server_poll_duration_seconds"
CHECK = "check_routes_duration_seconds"
STARTUP = "hub_startup_duration_seconds"
LOGIN = "login_duration_seconds"
LOGOUT = "logout_duration_seconds"
LOOP = "event_loop_interval_seconds"
KINDS: Mapping[str, Kind] = {
    REQUEST: Kind("Answering a request", ("method", "handler", "code")),
    SPAWN: Kind("Starting a server, from its turn to its answer", ("status", "reason"), LONG),
    STOP: Kind("Stopping a server", ("status",), LONG),
    POLL: Kind("Looking at the workload of a server", ("status",)),
    CHECK: Kind("Reading every route from the database, to be told to proxies"),
    STARTUP: Kind("Making the hub ready to answer"),
    LOGIN: Kind("Signing somebody in by a name and a password", ("status",)),
    LOGOUT: Kind("Signing somebody out"),
    LOOP: Kind("A turn of the event loop that should take 50 ms"),
}
"""Every histogram, by its name."""


@dataclass(slots=True)
class Counted:
    """One histogram."""

    buckets: list[int]
    seconds: float = 0.0


@dataclass(slots=True)
class Timings:
    """One histogram for every kind of thing and its labels."""

    reports: int = 0
    """How often a browser has told that a page broke its policy."""
    ends: Counter[str] = field(default_factory=Counter[str])
    """How often a server that ran has ended, by why."""
    counted: dict[tuple[str, Labels], Counted] = field(default_factory=dict)
    _requests: dict[tuple[str, str, int], Counted] = field(default_factory=dict)

    def note(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one request; the hot path, so it has its own table."""
        asked = (method, template, status)
        counted = self._requests.get(asked)
        if counted is None:
            known = method if method in _METHODS else ""
            counted = self._of(REQUEST, (known, template, str(status)))
            if known:
                self._requests[asked] = counted
        counted.buckets[bisect_left(BOUNDS, seconds)] += 1
        counted.seconds += seconds

    def took(self, kind: str, seconds: float, *labels: str) -> None:
        """Count that one of `kind` took `seconds`."""
        counted = self._of(kind, labels)
        counted.buckets[bisect_left(KINDS[kind].bounds, seconds)] += 1
        counted.seconds += seconds

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Count how long the block takes; with `status`, whether it succeeds."""
        began, status = perf_counter(), "failure"
        try:
            yield
            status = "success"
        finally:
            labels = (status,) if KINDS[kind].labels else ()
            self.took(kind, perf_counter() - began, *labels)

    def _of(self, kind: str, labels: Labels) -> Counted:
        counted = self.counted.get((kind, labels))
        if counted is None:
            counted = Counted([0] * (len(KINDS[kind].bounds) + 1))
            self.counted[kind, labels] = counted
        return counted
