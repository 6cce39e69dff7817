"""What processes have used, from /proc. See proc(5)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _USER, _SYSTEM = 0, 1, 11, 12


def cpu_seconds(*pids: int) -> float:
    """Return user and system time of processes with all their threads; steps of 10 ms."""
    told = [_stat(pid) for pid in pids]
    return sum(int(it[_USER]) + int(it[_SYSTEM]) for it in told) / _TICKS


def rss_mib(*pids: int) -> float:
    """Return the memory that processes have in RAM, in MiB."""
    return sum(_rss_kib(pid) for pid in pids) / 1024


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, and they."""
    parents = dict(_parents())
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def threads_alive(pid: int) -> bool:
    """Return whether the process is there and no zombie."""
    try:
        return _stat(pid)[_STATE] != "Z"
    except FileNotFoundError:
        return False


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _rss_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def _parents() -> Iterable[tuple[int, int]]:
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                yield int(place.name), int(_stat(int(place.name))[_PARENT])
