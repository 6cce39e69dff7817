"""Why a local workload has ended, where this machine knows: memory, its port, its home."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perijove.model.errors import Refused
from perijove.model.signal import Signal
from perijove.model.workload import Observation
from perijove.spawners import rescue
from perijove.spawners.bounds import Bounds
from perijove.spawners.directory import Directory
from perijove.spawners.gauge import ProcessGauge
from perijove.spawners.sockets import Listeners

_KILLED = -9
"""The exit code of what the kernel has killed."""
_TAIL = 65536
_FULL = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]")
_FRAME = re.compile(r'^\s*File "([^"\n]+)", line \d+', re.MULTILINE)
_LEAST = 65536
"""Bytes without which nothing can be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Looks at what has ended."""

    bounds: Callable[[], Bounds]
    gauge: ProcessGauge
    listeners: Listeners
    home: Callable[[str], Path]
    """Where a home is, by its name."""

    def why(self, directory: Directory, seen: Observation, port: int) -> Signal | None:
        """Return why the workload of `directory`, which was `seen`, has ended; None: who knows.

        Who listens now on the port of what has failed may have been the reason.
        """
        killed = seen.exit_code == _KILLED
        if killed and (full := self._memory(directory.path.name, seen.incarnation)):
            return full
        if not seen.exit_code:
            return None
        if self.listeners.on(port) and self.listeners.on(port, fresh=True):
            return Signal(code="port-taken", params={"port": port}, terminal=True)
        tasks = self.bounds().tasks(directory.path.name, seen.incarnation)
        if tasks.refused:
            said = {"limit": tasks.limit, "exit_code": seen.exit_code}
            return Signal(code="too-many-processes", params=said, terminal=True)
        return self._home(directory, seen)

    def _memory(self, name: str, incarnation: int) -> Signal | None:
        limit = self.bounds().out_of_memory(name, incarnation)
        if not limit:
            return None
        known = self.gauge.last_ended(name, incarnation)
        params: dict[str, str | float | None] = {
            "limit": limit, "container": name,
            "process": known.name if known else "", "size": known.memory if known else None,
        }  # fmt: skip
        return Signal(code="out-of-memory", params=params, terminal=True)

    def _home(self, directory: Directory, seen: Observation) -> Signal | None:
        """Say whether its home is full, or in which file of it the last error was."""
        assert seen.origin is not None
        if rescue.is_one(directory.path):
            return None
        try:
            home = self.home(seen.origin.home)
            disk = os.statvfs(home)
        except (OSError, Refused):
            return None
        log = directory.log(_TAIL)
        if _FULL.search(log) or disk.f_bavail * disk.f_frsize < _LEAST:
            size = disk.f_blocks * disk.f_frsize
            return Signal(code="home-full", params={"size": size}, terminal=True)
        frames = _FRAME.findall(log)
        inside = [it for it in frames if it.startswith(f"{home}/")]
        if not inside:
            return None
        file = f"~/{inside[-1].removeprefix(f'{home}/')}"[:255]
        params: dict[str, str | float | None] = {"file": file, "exit_code": seen.exit_code}
        return Signal(code="start-file", params=params, terminal=True)
