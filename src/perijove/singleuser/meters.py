"""When was the server last in use? Kernels, terminals and what people change tell.

An open tab asks for kernels and sessions every few seconds; that is no use. A page that somebody
opens is, and so is whatever is saved, started or deleted.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tornado.web import RequestHandler

from perijove.kit.clock import Clock

_AT_WORK = 0.05
"""Of one core, since the last look: more is work, less is a clock or a monitor that ticks."""
_OF_EVERY_REQUEST = "api_last_activity"
_ASKS = frozenset({"GET", "HEAD", "OPTIONS"})
_WINDOW = timedelta(seconds=0.2)
"""Between two looks at what terminals use of the CPU; sooner, the last answer holds."""
_TICKS = os.sysconf("SC_CLK_TCK")
"""CPU ticks in a second."""


class Meters:
    """Looks at Jupyter Server's managers, and at what people ask of it."""

    def __init__(self, settings: dict[str, Any], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._looked = clock()
        self._ticks: dict[int, int] = {}
        self._work = False
        self._people: datetime | None = None

    def request(self, handler: RequestHandler) -> None:
        """Take note of a request that was answered; Tornado's log function."""
        asked = handler.request
        opened = asked.headers.get("Sec-Fetch-Mode") == "navigate"
        if (asked.method or "") not in _ASKS or opened:
            self._people = self._clock()

    def last_activity(self) -> datetime:
        """Return the same as `last`, as Jupyter Server's own answer at /api/status."""
        return self.last() or self._clock()

    def last(self) -> datetime | None:
        """Return when the server was last in use; None: it is now."""
        working = self._terminals_work()  # looks every time, so that it can compare
        return None if self._kernel_is_busy() or working else max(self._times())

    def _kernel_is_busy(self) -> bool:
        kernels = self._settings["kernel_manager"].list_kernels()
        return any(kernel.get("execution_state") == "busy" for kernel in kernels)

    def _times(self) -> Iterator[datetime]:
        """Yield what `ServerWebApplication.last_activity` counts, but not every request."""
        settings = self._settings
        yield _aware(settings["started"])
        yield _aware(settings["kernel_manager"].last_kernel_activity)
        for at in settings["last_activity_times"].values():
            yield _aware(at)
        for key, at in settings.items():
            if key.endswith("_last_activity") and key != _OF_EVERY_REQUEST:
                yield _aware(at)
        yield _aware(self._people)
        for terminal in self._terminals():
            yield _aware(getattr(terminal, "last_activity", None))

    def _terminals(self) -> list[Any]:
        manager = self._settings.get("terminal_manager")
        return list(manager.terminals.values()) if manager else []

    def _terminals_work(self) -> bool:
        """Return whether what runs in a terminal has used CPU since the last look."""
        if self._ticks and self._clock() - self._looked < _WINDOW:
            return self._work
        shells = [terminal.ptyproc.pid for terminal in self._terminals()]
        now = {pid: sum(map(_cpu, _family(pid))) for pid in shells}
        before, self._ticks = self._ticks, now
        since, self._looked = self._looked, self._clock()
        much = _AT_WORK * _TICKS * (self._looked - since).total_seconds()
        self._work = any(t - before[pid] > much for pid, t in now.items() if pid in before)
        return self._work


def _aware(at: datetime | None) -> datetime:
    if at is None:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _family(pid: int) -> Iterator[int]:
    """Yield `pid` and its descendants."""
    yield pid
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))


def _cpu(pid: int) -> int:
    """Return the CPU ticks of `pid` and of its dead children: fields 14-17 of its stat, proc(5)."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])
    return 0
