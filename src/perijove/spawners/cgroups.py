"""Control groups of Linux for local workloads: cgroups(7), and the kernel's cgroup-v2.rst."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from perijove.spawners.bounds import Bound, Bounds, Entry, Rlimits

logger = logging.getLogger(__name__)

_PERIOD = 100_000
"""Microseconds over which processors are shared out."""
_NEEDED = frozenset({"cpu", "memory"})


def find(instance: str, root: Path = Path("/")) -> Bounds:
    """Return what bounds workloads here; `root` is where /proc and /sys are."""
    found = _version_2(instance, root) or _version_1(instance, root) or Rlimits()
    logger.info("limits of servers: %s", found.kind)
    return found


def probe(root: Path = Path("/")) -> str:
    """Return of which kind the bounds here would be, leaving nothing."""
    found, bases = find("probe", root), list[Path]()
    match found:
        case Version2(base=base):
            bases = [base]
        case Version1(memory=memory, cpu=cpu):
            bases = [memory, cpu]
        case _:
            pass
    for base in bases:
        with suppress(OSError):
            base.rmdir()
    return found.kind


@dataclass(frozen=True, slots=True)
class Version2:
    """One tree: a group has all controllers."""

    base: Path
    kind: ClassVar[str] = "cgroup v2"

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Make the group of one start."""
        group = _fresh(self.base, name, incarnation)
        if bound.memory:
            (group / "memory.max").write_text(str(bound.memory))
            with suppress(FileNotFoundError):  # a machine that never swaps
                (group / "memory.swap.max").write_text("0")
        if bound.cpu:
            (group / "cpu.max").write_text(f"{round(bound.cpu * _PERIOD)} {_PERIOD}")
        return Entry((group / "cgroup.procs",))

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Look at how often the kernel has killed."""
        group = self.base / f"{name}.{incarnation}"
        killed = _number(group / "memory.events", "oom_kill")
        return _limit(group / "memory.max") if killed else None

    def kill(self, name: str) -> bool:
        """Kill who is in the groups of its starts."""
        return _kill(self.base, name)

    def remove(self, name: str) -> None:
        """Remove the groups of all its starts."""
        _remove(self.base, name)


@dataclass(frozen=True, slots=True)
class Version1:
    """One tree for each controller."""

    memory: Path
    cpu: Path
    kind: ClassVar[str] = "cgroup v1"

    def make(self, name: str, incarnation: int, bound: Bound) -> Entry:
        """Make the groups of one start."""
        group = _fresh(self.memory, name, incarnation)
        entered = [group / "cgroup.procs"]  # without a limit, too: it says who belongs to it
        if bound.memory:
            (group / "memory.limit_in_bytes").write_text(str(bound.memory))
        if bound.cpu:
            group = _fresh(self.cpu, name, incarnation)
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(round(bound.cpu * _PERIOD)))
            entered.append(group / "cgroup.procs")
        return Entry(tuple(entered))

    def out_of_memory(self, name: str, incarnation: int) -> int | None:
        """Look at how often the kernel has killed."""
        group = self.memory / f"{name}.{incarnation}"
        killed = _number(group / "memory.oom_control", "oom_kill")
        return _limit(group / "memory.limit_in_bytes") if killed else None

    def kill(self, name: str) -> bool:
        """Kill who is in the groups of its starts."""
        return _kill(self.memory, name)

    def remove(self, name: str) -> None:
        """Remove the groups of all its starts."""
        for base in (self.memory, self.cpu):
            _remove(base, name)
            with suppress(OSError):  # there are others
                base.rmdir()


def _version_2(instance: str, root: Path) -> Version2 | None:
    mount = root / "sys/fs/cgroup"
    if not (mount / "cgroup.controllers").exists():
        return None
    own = _own(mount, _paths(root).get("", "/"))
    with suppress(OSError):
        if not set((own / "cgroup.controllers").read_text().split()) >= _NEEDED:
            return None
        if own != mount and not _delegated(own):
            return None
        base = own / f"perijove-{instance}"
        if own != mount:
            _step_aside(own)
        (own / "cgroup.subtree_control").write_text("+cpu +memory")
        base.mkdir(exist_ok=True)
        (base / "cgroup.subtree_control").write_text("+cpu +memory")
        return Version2(base)
    return None


def _version_1(instance: str, root: Path) -> Version1 | None:
    paths = _paths(root)

    def base(controller: str) -> Path:
        mount = root / "sys/fs/cgroup" / controller
        found = _own(mount, paths.get(controller, "/")) / f"perijove-{instance}"
        found.mkdir(exist_ok=True)
        return found

    with suppress(OSError):
        return Version1(base("memory"), base("cpu"))
    return None


def _own(mount: Path, path: str) -> Path:
    """Return the group that we are in; in a container it may be shown as the root."""
    own = mount / path.lstrip("/")
    return own if own.is_dir() else mount


def _paths(root: Path) -> dict[str, str]:
    """Return the path of our group by controller; '' is that of version 2."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            found |= dict.fromkeys(controllers.split(","), path)
    return found


def _delegated(group: Path) -> bool:
    """Return whether systemd has given us the group (Delegate=yes): it leaves a mark on it."""
    for mark in ("trusted.delegate", "user.delegate"):
        with suppress(OSError):
            if os.getxattr(group, mark) == b"1":
                return True
    return False


def _step_aside(group: Path) -> None:
    """Move who is in `group` one down: a group with processes has no controllers for others."""
    aside = group / "perijove"
    aside.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            (aside / "cgroup.procs").write_text(pid)


def _fresh(base: Path, name: str, incarnation: int) -> Path:
    group = base / f"{name}.{incarnation}"
    for old in _groups(base, name):
        if old != group:
            with suppress(OSError):
                old.rmdir()
    group.mkdir(parents=True, exist_ok=True)
    return group


def _remove(base: Path, name: str) -> None:
    for group in _groups(base, name):
        with suppress(OSError):  # somebody is still in it; the next start removes it
            group.rmdir()


def _kill(base: Path, name: str) -> bool:
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


def _number(file: Path, key: str) -> int:
    with suppress(OSError):
        for line in file.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == key:
                return int(number)
    return 0


def _limit(file: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return None
