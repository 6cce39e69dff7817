"""Bounds: what a local workload may use of memory, processors, processes; what sees to it.

Control groups where this account may make them: version 2 (a service with `Delegate=yes`, a
container), else version 1. Else limits of each process, which a server with many gets around.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from perijove.model.amounts import memory
from perijove.model.errors import Refused


@dataclass(frozen=True, slots=True)
class Bound:
    """How much one workload may use; None is any amount."""

    memory: int | None = None
    """Bytes."""
    cpu: float | None = None
    """Cores."""
    memory_kept: int | None = None
    """Bytes that others are to leave it, as far as the machine can; never more than `memory`."""
    cpu_kept: float | None = None
    """Cores, by which the processors are shared out when there are too few."""
    tasks: int | None = None
    """Processes, with their threads."""

    @classmethod
    def of(cls, traits: Mapping[str, Any]) -> "Bound":
        """Return what traits of KubeSpawner say.

        Raises:
            Refused: an amount is none.
        """
        cpu, kept = traits.get("cpu_limit"), traits.get("cpu_guarantee")
        most, least = memory(traits.get("mem_limit")), memory(traits.get("mem_guarantee"))
        return cls(
            memory=most,
            cpu=float(cpu) if cpu else None,
            memory_kept=min(least, most or least) if least else None,
            cpu_kept=float(kept) if kept else None,
            tasks=_count(traits.get("pids_limit")),
        )


def _count(given: Any) -> int | None:
    if given is None or given == 0:
        return None
    if not str(given).isdecimal():
        raise Refused("bad-pids", amount=str(given)[:100])
    return int(given)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process does to be bound, before anything else."""

    groups: tuple[Path, ...] = ()
    """Files that it writes itself into."""
    data: int | None = None
    """Its RLIMIT_DATA."""
    tasks: int | None = None
    """Its RLIMIT_NPROC, which counts all that runs as the account that it becomes."""

    def __str__(self) -> str:
        """Return it as the launcher takes it."""
        limits = {"data": self.data, "tasks": self.tasks}
        said = (f"{name}={it}" for name, it in limits.items() if it)
        return ":".join([*said, *map(str, self.groups)])


@dataclass(frozen=True, slots=True)
class Charged:
    """What a group has used of memory, in bytes, and what it may and should have."""

    used: int
    limit: int | None = None
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class Tasks:
    """What a group is told of processes."""

    limit: int | None = None
    refused: int = 0
    """How many the kernel has not started, for want of room below the limit."""


class Bounds(Protocol):
    """Binds workloads. Everything is found by name and start; nothing is kept in memory."""

    @property
    def kind(self) -> str:
        """Return what people are told: cgroup v2, cgroup v1, rlimits."""
        ...

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Make what is needed and return how to enter it; the same again if it is there."""
        ...

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Return the limit in bytes if a process was killed for want of memory, else None."""
        ...

    def ended(self, name: str, incarnation: int) -> int:
        """Return how many processes the kernel has ended for want of memory."""
        ...

    def tasks(self, name: str, incarnation: int) -> Tasks:
        """Return how many processes it may have, and how often it wanted more."""
        ...

    def group(self, name: str, incarnation: int) -> str:
        """Return the end of the path of its group, as the kernel writes it; '' if it has none."""
        ...

    def members(self, name: str, incarnation: int) -> list[int] | None:
        """Return every process of it; None if that is not known here."""
        ...

    def used(self, name: str, incarnation: int) -> int | None:
        """Return the bytes that it has used, those included that can be taken back at any time."""
        ...

    def charged(self, name: str, incarnation: int) -> Charged | None:
        """Return its memory; None if that is not known here."""
        ...

    def cpu_seconds(self, name: str, incarnation: int) -> float | None:
        """Return what it has used of processors since its start; None if that is not known."""
        ...

    def kill(self, name: str) -> bool:
        """Kill whoever is in it still; return whether there was anybody."""
        ...

    def remove(self, name: str) -> None:
        """Remove what is left of every start of a workload that has ended."""


class Rlimits:
    """Where no control group can be made: each process may have so much for itself."""

    kind = "rlimits"

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Return the limits; processors cannot be limited like that."""
        del name, incarnation
        return Entry(data=bound.memory, tasks=bound.tasks)

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Return None: a process that gets no more memory ends by itself, in its own way."""
        del name, incarnation
        return None

    def ended(self, name: str, incarnation: int) -> int:
        """Return 0, for the same reason."""
        del name, incarnation
        return 0

    def tasks(self, name: str, incarnation: int) -> Tasks:
        """Return nothing: nobody keeps count."""
        del name, incarnation
        return Tasks()

    def group(self, name: str, incarnation: int) -> str:
        """Return '': there is none."""
        del name, incarnation
        return ""

    def members(self, name: str, incarnation: int) -> list[int] | None:
        """Return None: only /proc knows who was started by whom."""
        del name, incarnation
        return None

    def used(self, name: str, incarnation: int) -> int | None:
        """Return None: nobody keeps count."""
        del name, incarnation
        return None

    def charged(self, name: str, incarnation: int) -> Charged | None:
        """Return None: nobody keeps count."""
        del name, incarnation
        return None

    def cpu_seconds(self, name: str, incarnation: int) -> float | None:
        """Return None: nobody keeps count."""
        del name, incarnation
        return None

    def kill(self, name: str) -> bool:
        """Return False: nobody knows who belongs to it."""
        del name
        return False

    def remove(self, name: str) -> None:
        """Leave nothing."""
