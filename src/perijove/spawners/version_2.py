"""Control groups, version 2: the kernel's cgroup-v2.rst."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from perijove.spawners.bounds import Bound, Charged, Entry
from perijove.spawners.group_files import (
    CORES,
    PERIOD,
    UNASKED,
    Counting,
    amount,
    counted,
    fresh,
    remove,
)

_HEAVIEST = 10_000


@dataclass(frozen=True, slots=True)
class Version2(Counting):
    """One tree: a group has all controllers."""

    base: Path
    pids: bool = False
    """Whether it counts processes."""
    kind: ClassVar[str] = "cgroup v2"
    LIMIT: ClassVar[str] = "memory.max"
    USED: ClassVar[str] = "memory.current"
    EVENTS: ClassVar[str] = "memory.events"

    @property
    def tree(self) -> Path:
        """Return where memory is counted."""
        return self.base

    @property
    def counts(self) -> Path | None:
        """Return where processes are counted."""
        return self.base if self.pids else None

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Make the group of one start."""
        group = fresh(self.base, name, incarnation)
        for file, value in (("memory.low", "max"), ("cpu.weight", str(_weight(CORES)))):
            with suppress(OSError):  # what is promised below must be promised here
                (self.base / file).write_text(value)
        if bound.memory:
            (group / "memory.max").write_text(str(bound.memory))
            with suppress(FileNotFoundError):  # a machine that never swaps
                (group / "memory.swap.max").write_text("0")
        if bound.memory_kept:
            (group / "memory.low").write_text(str(bound.memory_kept))
        if bound.cpu:
            (group / "cpu.max").write_text(f"{round(bound.cpu * PERIOD)} {PERIOD}")
        (group / "cpu.weight").write_text(str(_weight(bound.cpu_kept or UNASKED)))
        if self.pids:
            (group / "pids.max").write_text(str(bound.tasks or "max"))
        return Entry((group / "cgroup.procs",), tasks=None if self.pids else bound.tasks)

    def charged(self, name: str, incarnation: int) -> Charged | None:
        """Read what the kernel has counted."""
        group = self.of(name, incarnation)
        used = self.used(name, incarnation)
        if used is None:
            return None
        idle = counted(group / "memory.stat", "inactive_file")
        kept = amount(group / "memory.low") or None
        return Charged(max(used - idle, 0), amount(group / "memory.max"), kept)

    def cpu_seconds(self, name: str, incarnation: int) -> float | None:
        """Read what the kernel has counted."""
        return counted(self.of(name, incarnation) / "cpu.stat", "usage_usec") / 1e6

    def remove(self, name: str) -> None:
        """Remove the groups of all its starts."""
        remove(self.base, name)


def _weight(cores: float) -> int:
    """Return what version 2 calls so many cores: a hundred each."""
    return min(max(round(cores * 100), 1), _HEAVIEST)
