"""When a server that nobody uses is stopped: pure, no I/O, no clock.

Used is what computes or is edited; an open tab uses nothing. `Lifetime` says how long is too
long, `end` when that will be.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from perijove.model.server import Server
from perijove.model.signal import Signal

IDLE, AGE = "idle", "too-old"
"""Codes of the reasons why a server was stopped."""
_OVERDUE = timedelta(minutes=11)
"""A server tells every five minutes whether it is used; one that has missed two does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long servers may run; None is for ever."""

    timeout: timedelta | None = None
    """Unused."""
    max_age: timedelta | None = None
    """At all."""
    warn: timedelta = timedelta(minutes=10)
    """Before the end, people are told."""
    extend: timedelta = timedelta(hours=2)
    """How much later than `timeout` a person may have it."""

    @property
    def ends_any(self) -> bool:
        """Return whether it ends a server at all."""
        return self.timeout is not None or self.max_age is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What is known of the use of one server."""

    used: datetime | None = None
    """When it was last in use, as the server says."""
    told: datetime | None = None
    """When it last said so."""
    traffic: datetime | None = None
    """When something last went through the proxy, or the server was used: whatever is later."""
    keep_until: datetime | None = None
    """Until when its owner wants it, unused or not."""


@dataclass(frozen=True, slots=True)
class End:
    """When a server will be stopped, and why."""

    at: datetime
    code: str
    """IDLE or AGE."""
    since: datetime
    """Since when nothing has used it, or it runs."""
    latest: datetime | None = None
    """How late its owner may have it; None: nothing is to be had."""

    def reason(self, now: datetime) -> Signal:
        """Return why it was stopped at `now`."""
        minutes = max(1, round((now - self.since).total_seconds() / 60))
        return Signal(code=self.code, params={"minutes": minutes}, at=now)


def idle_since(server: Server, use: Use, now: datetime) -> datetime:
    """Return since when nothing has used a server that runs.

    The server's own word counts. Where it says nothing any more, what went to it does: a
    report that is missing is no sign of rest.
    """
    began = server.since
    silent = use.told is None or use.told < began or now - use.told > _OVERDUE
    seen = [began, use.used or began, *([use.traffic] if silent and use.traffic else [])]
    return min(max(seen), now)


def end(server: Server, use: Use, lifetime: Lifetime, now: datetime) -> End | None:
    """Return when `server`, which runs, will be stopped unless somebody uses it; None: never."""
    ends: list[End] = []
    if lifetime.timeout is not None:
        since = idle_since(server, use, now)
        earliest = since + lifetime.timeout
        latest = earliest + lifetime.extend
        at = min(max(earliest, use.keep_until or earliest), latest)
        ends.append(End(at, IDLE, since, latest if at < latest else None))
    if lifetime.max_age is not None:
        ends.append(End(server.since + lifetime.max_age, AGE, server.since))
    return min(ends, key=lambda it: it.at, default=None)
