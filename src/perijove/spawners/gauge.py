"""What local workloads use: memory, processors, processes, open files, and the disk of a home.

What the control group counts is taken from there; the rest is added up from /proc.
"""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from perijove.kit import trees
from perijove.model.placement import Placement
from perijove.model.usage import Machine, Process, Usage
from perijove.spawners import kernel_log
from perijove.spawners.bounds import Bounds
from perijove.spawners.directory import Directory, Pid
from perijove.spawners.kernel_log import KERNEL_LOG
from perijove.spawners.launcher import started

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_FULL = 0.7
"""Of its limit: from here on it is remembered which process is the biggest."""
_REMEMBERED = 200


class ProcessGauge:
    """Looks at the workloads whose directories are below `root`."""

    def __init__(
        self,
        root: Path,
        bounds: Callable[[], Bounds],
        home: Callable[[str], Path],
        log: Path = KERNEL_LOG,
    ) -> None:
        """`home` says where a home is; `log` is the kernel's."""
        self._root = root
        self._bounds = bounds
        self._home = home
        self._log = log
        self._told: bool | None = None
        """Whether the kernel tells us whom it ends."""
        self._limits: dict[tuple[str, int], int | None] = {}
        self._seen: dict[tuple[str, int], Process] = {}
        self._order: deque[tuple[str, int]] = deque()

    def usage(self, names: Collection[str]) -> Mapping[str, Usage]:
        """Return what those of `names` use that run."""
        found = ((name, self._usage(name)) for name in names)
        return {name: usage for name, usage in found if usage}

    def machine(self) -> Machine:
        """Return what there is to use."""
        disk = os.statvfs(self._root)
        whole = os.sysconf("SC_PHYS_PAGES") * _PAGE
        return Machine(
            cores=os.cpu_count() or 1,
            memory=whole,
            memory_free=_available() or os.sysconf("SC_AVPHYS_PAGES") * _PAGE,
            disk=disk.f_blocks * disk.f_frsize,
            disk_free=disk.f_bavail * disk.f_frsize,
        )

    def home(self, placement: Placement) -> int | None:
        """Return the bytes that a home takes on its own disk, or None; this may take minutes."""
        try:
            return trees.size(self._home(placement.home))
        except OSError:
            return None

    def glance(self, running: Mapping[str, int]) -> None:
        """Remember the biggest process of what is nearly full; called every second or so.

        `running`: the starts of the workloads that run. Nothing is looked at where the kernel
        tells by itself whom it has ended; else it is one file for each that has a limit.
        """
        if self._told is None:
            self._told = kernel_log.readable(self._log)
        if self._told:
            return
        bounds, known = self._bounds(), self._limits
        self._limits = {}
        for key in running.items():
            if key not in known:
                charged = bounds.charged(*key)
                known[key] = charged.limit if charged else None
            limit = self._limits[key] = known[key]
            if limit and (bounds.used(*key) or 0) >= _FULL * limit:
                self._remember(key, _biggest(bounds.members(*key) or ()))

    def last_ended(self, name: str, incarnation: int) -> Process | None:
        """Return which process the kernel has ended last, or what was the biggest before."""
        group = self._bounds().group(name, incarnation)
        told = kernel_log.ended(group, self._log) if group else None
        return told or self._seen.get((name, incarnation))

    def _usage(self, name: str) -> Usage | None:
        directory, bounds = Directory(self._root / name), self._bounds()
        pid = directory.pid()
        if pid is None or not started(pid.pid):
            return None
        start = pid.incarnation
        pids = bounds.members(name, start) or pid.workload()
        charged, ended = bounds.charged(name, start), bounds.ended(name, start)
        cpu, tasks = bounds.cpu_seconds(name, start), bounds.tasks(name, start)
        return Usage(
            incarnation=start,
            memory=charged.used if charged else sum(map(_own, pids)),
            memory_limit=charged.limit if charged else None,
            memory_kept=charged.kept if charged else None,
            cpu_seconds=_cpu(pid, pids) if cpu is None else cpu,
            processes=len(pids),
            processes_limit=tasks.limit,
            processes_refused=tasks.refused,
            open_files=sum(map(_files, pids)),
            biggest=_biggest(pids),
            out_of_memory=ended,
            last_ended=self.last_ended(name, start) if ended else None,
        )

    def _remember(self, key: tuple[str, int], biggest: Process | None) -> None:
        if biggest is None:
            return
        if key not in self._seen:
            self._order.append(key)
            if len(self._order) > _REMEMBERED:
                self._seen.pop(self._order.popleft())
        self._seen[key] = biggest


def _available() -> int:
    """Return MemAvailable of /proc/meminfo in bytes; 0 where a service may not read that."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0


def _biggest(pids: Iterable[int]) -> Process | None:
    found = [(_own(pid), pid) for pid in pids]
    memory, pid = max(found, default=(0, 0))
    return Process(_name(pid), memory) if memory else None


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return "?"


def _own(pid: int) -> int:
    """Return the bytes in memory that it shares with nobody: /proc/<pid>/statm, see proc(5)."""
    with suppress(OSError, ValueError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * _PAGE
    return 0


def _files(pid: int) -> int:
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - their number alone
    return 0


def _cpu(launcher: Pid, pids: Sequence[int]) -> float:
    """Return the CPU seconds of all, and of their dead; the launcher's own do not count."""
    times = [sum(_times(pid)) for pid in pids if pid != launcher.pid]
    return (sum(times) + sum(_times(launcher.pid)[2:])) / _TICKS


def _times(pid: int) -> list[int]:
    """Return fields 14 to 17 of its stat: its own CPU ticks, those of its dead children."""
    with suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [int(field) for field in fields[11:15]]
    return []
