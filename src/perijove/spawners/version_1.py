"""Control groups, version 1: cgroups(7), and the kernel's cgroup-v1 documents."""

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

_SHARES = 1024
"""What it calls one core."""
_NEVER = 1 << 60
"""Bytes that nobody has: it calls no limit by a number near 2^63."""


@dataclass(frozen=True, slots=True)
class Version1(Counting):
    """One tree for each controller."""

    memory: Path
    cpu: Path
    pids: Path | None = None
    """None where this account may not count processes."""
    kind: ClassVar[str] = "cgroup v1"
    LIMIT: ClassVar[str] = "memory.limit_in_bytes"
    USED: ClassVar[str] = "memory.usage_in_bytes"
    EVENTS: ClassVar[str] = "memory.oom_control"

    @property
    def tree(self) -> Path:
        """Return where memory is counted."""
        return self.memory

    @property
    def counts(self) -> Path | None:
        """Return where processes are counted."""
        return self.pids

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Make the groups of one start."""
        group = fresh(self.memory, name, incarnation)
        entered = [group / "cgroup.procs"]  # without a limit, too: it says who belongs to it
        if bound.memory:
            (group / "memory.limit_in_bytes").write_text(str(bound.memory))
        if bound.memory_kept:
            (group / "memory.soft_limit_in_bytes").write_text(str(bound.memory_kept))
        group = fresh(self.cpu, name, incarnation)
        with suppress(OSError):
            (self.cpu / "cpu.shares").write_text(str(_SHARES * CORES))  # of all servers together
        (group / "cpu.shares").write_text(str(round(_SHARES * (bound.cpu_kept or UNASKED))))
        if bound.cpu:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(round(bound.cpu * PERIOD)))
        entered.append(group / "cgroup.procs")
        if self.pids:
            group = fresh(self.pids, name, incarnation)
            (group / "pids.max").write_text(str(bound.tasks or "max"))
            entered.append(group / "cgroup.procs")
        return Entry(tuple(entered), tasks=None if self.pids else bound.tasks)

    def charged(self, name: str, incarnation: int) -> Charged | None:
        """Read what the kernel has counted; what was never set is a number beyond all memory."""
        group = self.of(name, incarnation)
        used = self.used(name, incarnation)
        if used is None:
            return None
        idle = counted(group / "memory.stat", "total_inactive_file")
        most, least = (
            amount(group / f"memory.{it}_in_bytes") or _NEVER for it in ("limit", "soft_limit")
        )
        return Charged(
            max(used - idle, 0),
            most if most < _NEVER else None,
            least if least < _NEVER else None,
        )

    def cpu_seconds(self, name: str, incarnation: int) -> float | None:
        """Return None: that is a controller of its own, which may be elsewhere."""
        del name, incarnation
        return None

    def remove(self, name: str) -> None:
        """Remove the groups of all its starts."""
        for base in filter(None, (self.memory, self.cpu, self.pids)):
            remove(base, name)
            with suppress(OSError):  # there are others
                base.rmdir()
