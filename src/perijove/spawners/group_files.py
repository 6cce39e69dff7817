"""The files of control groups: one group for each start of a workload, below one of our own."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from perijove.spawners.bounds import Tasks

PERIOD = 100_000
"""Microseconds over which processors are shared out."""
UNASKED = 0.1
"""Cores that count for a server to which none were promised, when there are too few for all."""
CORES = os.cpu_count() or 1


class Counting(ABC):
    """What both versions do alike; each says where its groups are, and how its files are called."""

    __slots__ = ()
    LIMIT: ClassVar[str]
    USED: ClassVar[str]
    EVENTS: ClassVar[str]

    @property
    @abstractmethod
    def tree(self) -> Path:
        """Return where the groups are that count memory."""

    @property
    @abstractmethod
    def counts(self) -> Path | None:
        """Return where the groups are that count processes; None: nobody counts them here."""

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Look at how often the kernel has killed."""
        ended = self.ended(name, incarnation)
        return amount(self.of(name, incarnation) / self.LIMIT) if ended else None

    def ended(self, name: str, incarnation: int) -> int:
        """Read what the kernel has counted."""
        return counted(self.of(name, incarnation) / self.EVENTS, "oom_kill")

    def tasks(self, name: str, incarnation: int) -> Tasks:
        """Read what the kernel has counted."""
        if self.counts is None:
            return Tasks()
        group = self.counts / f"{name}.{incarnation}"
        limit = amount(group / "pids.max")
        # without a limit of its own, that of somebody above it was reached
        return Tasks(limit, counted(group / "pids.events", "max") if limit else 0)

    def group(self, name: str, incarnation: int) -> str:
        """Return where its memory is counted."""
        return f"{self.tree.name}/{name}.{incarnation}"

    def members(self, name: str, incarnation: int) -> list[int] | None:
        """Read who is in it."""
        return members(self.of(name, incarnation))

    def used(self, name: str, incarnation: int) -> int | None:
        """Read what the kernel has counted."""
        return amount(self.of(name, incarnation) / self.USED)

    def of(self, name: str, incarnation: int) -> Path:
        """Return the group of one start."""
        return self.tree / f"{name}.{incarnation}"

    def kill(self, name: str) -> bool:
        """Kill who is in the groups of its starts; nobody begins in them any more."""
        for group in groups(self.counts, name) if self.counts else ():
            with suppress(OSError):
                (group / "pids.max").write_text("0")
        return kill(self.tree, name)


def fresh(base: Path, name: str, incarnation: int) -> Path:
    """Return the group of one start, made; those of earlier ones that are empty go."""
    group = base / f"{name}.{incarnation}"
    for old in groups(base, name):
        if old != group:
            with suppress(OSError):
                old.rmdir()
    group.mkdir(parents=True, exist_ok=True)
    return group


def remove(base: Path, name: str) -> None:
    """Remove the groups of all starts that are empty."""
    for group in groups(base, name):
        with suppress(OSError):  # somebody is still in it; the next start removes it
            group.rmdir()


def kill(base: Path, name: str) -> bool:
    """Kill who is in the groups of its starts; return whether there was anybody."""
    found = False
    for group in groups(base, name):
        with suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
                    found = True
    return found


def groups(base: Path, name: str) -> Iterator[Path]:
    """Yield the groups of all starts."""
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
