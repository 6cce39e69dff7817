"""Bounds: what a local workload may use of memory and processors, and what sees to it.

Control groups where this account may make them: version 2 (a service with `Delegate=yes`, a
container), else version 1. Else limits of each process, which a server with many gets around.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from perijove.model.amounts import memory


@dataclass(frozen=True, slots=True)
class Bound:
    """How much one workload may use; None is any amount."""

    memory: int | None = None
    """Bytes."""
    cpu: float | None = None
    """Cores."""

    @classmethod
    def of(cls, traits: Mapping[str, Any]) -> "Bound":
        """Return what traits of KubeSpawner say.

        Raises:
            Refused: an amount is none.
        """
        cpu = traits.get("cpu_limit")
        return cls(memory(traits.get("mem_limit")), float(cpu) if cpu else None)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process does to be bound, before anything else."""

    groups: tuple[Path, ...] = ()
    """Files that it writes itself into."""
    data: int | None = None
    """Its RLIMIT_DATA."""

    def __str__(self) -> str:
        """Return it as the launcher takes it."""
        return ":".join([*(f"data={it}" for it in [self.data] if it), *map(str, self.groups)])


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

    def kill(self, name: str) -> bool:
        """Kill whoever is in it still; return whether there was anybody."""
        ...

    def remove(self, name: str) -> None:
        """Remove what is left of every start of a workload that has ended."""


class Rlimits:
    """Where no control group can be made: each process may have so much for itself."""

    kind = "rlimits"

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Return the limit of private memory; processors cannot be limited like that."""
        del name, incarnation
        return Entry(data=bound.memory)

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Return None: a process that gets no more memory ends by itself, in its own way."""
        del name, incarnation
        return None

    def kill(self, name: str) -> bool:
        """Return False: nobody knows who belongs to it."""
        del name
        return False

    def remove(self, name: str) -> None:
        """Leave nothing."""
