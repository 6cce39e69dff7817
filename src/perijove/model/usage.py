"""What a workload uses of its machine, at one look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as the kernel calls it."""

    name: str
    memory: int
    """Bytes of its own that are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All of it together; None is unknown."""

    incarnation: int
    memory: int | None = None
    """Bytes, without what the kernel only keeps of files that were read."""
    memory_limit: int | None = None
    """Bytes; also None if there is none."""
    memory_kept: int | None = None
    """Bytes that were promised to it; also None if none were."""
    cpu_seconds: float | None = None
    """Since its start."""
    processes: int | None = None
    processes_limit: int | None = None
    """Threads count, too; also None if there is none."""
    processes_refused: int = 0
    """How many were not started, for there were as many as it may have."""
    open_files: int | None = None
    biggest: Process | None = None
    out_of_memory: int = 0
    """How many of its processes the kernel has ended for want of memory."""
    last_ended: Process | None = None
    """The last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the machine has on which workloads run."""

    cores: int
    memory: int
    """Bytes."""
    memory_free: int
    """Bytes that could be had without anybody missing them."""
    disk: int
    """Bytes of the disk where the hub keeps its data, and homes unless accounts have their own."""
    disk_free: int
    """Bytes of it that people may still use."""
