"""The files of control groups: one group for each start of a workload, below one of our own."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PERIOD = 100_000
"""Microseconds over which processors are shared out."""
UNASKED = 0.1
"""Cores that count for a server to which none were promised, when there are too few for all."""
CORES = os.cpu_count() or 1


def fresh(base: Path, name: str, incarnation: int) -> Path:
    """Return the group of one start, made; those of earlier ones that are empty go."""
    group = base / f"{name}.{incarnation}"
    for old in _groups(base, name):
        if old != group:
            with suppress(OSError):
                old.rmdir()
    group.mkdir(parents=True, exist_ok=True)
    return group


def remove(base: Path, name: str) -> None:
    """Remove the groups of all starts that are empty."""
    for group in _groups(base, name):
        with suppress(OSError):  # somebody is still in it; the next start removes it
            group.rmdir()


def kill(base: Path, name: str) -> bool:
    """Kill who is in the groups of its starts; return whether there was anybody."""
    found = False
    for group in _groups(base, name):
        with suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
                    found = True
    return found


def _groups(base: Path, name: str) -> Iterator[Path]:
    for group in base.glob(f"{name}.*"):
        if group.name.removeprefix(f"{name}.").isdecimal():
            yield group


def members(group: Path) -> list[int] | None:
    """Return who is in it; None if there is no such group."""
    with suppress(OSError):
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    return None


def counted(file: Path, key: str) -> int:
    """Return the number after `key` in a file of keys and numbers; 0 if it is not there."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == key:
                return int(count)
    return 0


def amount(file: Path) -> int | None:
    """Return the number that is all there is in `file`; None if that is none, as `max` is."""
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return None
