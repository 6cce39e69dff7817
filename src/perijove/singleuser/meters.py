"""When was the server last in use? Kernels, terminals, processes and saved files tell.

An open tab does not: it asks for this and that all the time, whether somebody is there or not.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tornado.httputil import HTTPServerRequest

from perijove.kit.clock import Clock
from perijove.singleuser.processes import below, children, cpu, installs

_AT_WORK = 0.05
"""Of one core, since the last look: more is work, less is a clock or a monitor that ticks."""
_TICKS = os.sysconf("SC_CLK_TCK")
"""CPU ticks in a second."""
_SHORTEST = 1.0
"""Seconds between two looks at CPU; what comes sooner hears the same again."""
_SAVES = frozenset({"PUT", "POST", "PATCH", "DELETE"})
_FINE = 400
_OF_REQUESTS = "api_last_activity"
"""Where Jupyter Server writes down every request, those of a tab that only polls as well."""


class Meters:
    """Looks at Jupyter Server's managers, and at what the server has started."""

    def __init__(self, settings: dict[str, Any], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._looked = clock()
        self._saved = self._looked
        self._ticks: dict[int, int] = {}
        self._work = False

    def last(self) -> datetime | None:
        """Return when the server was last in use; None: it is now."""
        working = self._processes_work()  # looks every time, so that it can compare
        return None if self._kernel_is_busy() or working else max(self._times())

    def served(self, request: HTTPServerRequest, status: int) -> None:
        """Note a request that was answered: who changes a file, or opens a page, is there."""
        saves = request.method in _SAVES and "/api/contents" in request.path
        opens = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if status < _FINE and (saves or opens):
            self._saved = self._clock()

    def _kernel_is_busy(self) -> bool:
        kernels = self._settings["kernel_manager"].list_kernels()
        return any(kernel.get("execution_state") == "busy" for kernel in kernels)

    def _times(self) -> Iterator[datetime]:
        """Yield what `ServerWebApplication.last_activity` counts but for requests; terminals."""
        settings = self._settings
        yield self._saved
        yield _aware(settings["started"])
        yield _aware(settings["kernel_manager"].last_kernel_activity)
        for at in settings["last_activity_times"].values():
            yield _aware(at)
        for key, at in settings.items():
            if key.endswith("_last_activity") and key != _OF_REQUESTS:
                yield _aware(at)
        for terminal in self._terminals():
            yield _aware(getattr(terminal, "last_activity", None))

    def _terminals(self) -> list[Any]:
        manager = self._settings.get("terminal_manager")
        return list(manager.terminals.values()) if manager else []

    def _processes_work(self) -> bool:
        """Return whether what the server has started has used CPU since, or installs something."""
        since = (self._clock() - self._looked).total_seconds()
        if since < _SHORTEST:
            return self._work
        families = {pid: [pid, *below(pid)] for pid in children(os.getpid())}
        now = {pid: sum(map(cpu, family)) for pid, family in families.items()}
        before, self._ticks, self._looked = self._ticks, now, self._clock()
        much = _AT_WORK * _TICKS * since
        used = any(ticks - before[pid] > much for pid, ticks in now.items() if pid in before)
        self._work = used or any(installs(pid) for family in families.values() for pid in family)
        return self._work


def _aware(at: datetime | None) -> datetime:
    if at is None:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
