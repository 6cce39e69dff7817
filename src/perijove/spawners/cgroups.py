"""Control groups of Linux for local workloads: cgroups(7), and the kernel's cgroup-v2.rst."""

import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from perijove.spawners.bounds import Bounds, Rlimits
from perijove.spawners.version_1 import Version1
from perijove.spawners.version_2 import Version2

logger = logging.getLogger(__name__)

_NEEDED = frozenset({"cpu", "memory"})
_PIDS = "pids"
"""Not needed: where it is not ours, the number of processes has no limit."""


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
        case Version1(memory=memory, cpu=cpu, pids=pids):
            bases = [it for it in (memory, cpu, pids) if it]
        case _:
            pass
    for base in bases:
        with suppress(OSError):
            base.rmdir()
    return found.kind


def _version_2(instance: str, root: Path) -> Version2 | None:
    mount = root / "sys/fs/cgroup"
    if not (mount / "cgroup.controllers").exists():
        return None
    own = _own(mount, _paths(root).get("", "/"))
    with suppress(OSError):
        there = set((own / "cgroup.controllers").read_text().split())
        if not there >= _NEEDED:
            return None
        wanted = " ".join(f"+{it}" for it in sorted(there & (_NEEDED | {_PIDS})))
        if own != mount and not _delegated(own):
            return None
        base = own / f"perijove-{instance}"
        if own != mount:
            _step_aside(own)
        (own / "cgroup.subtree_control").write_text(wanted)
        base.mkdir(exist_ok=True)
        (base / "cgroup.subtree_control").write_text(wanted)
        return Version2(base, pids=_PIDS in there)
    return None


def _version_1(instance: str, root: Path) -> Version1 | None:
    paths = _paths(root)

    def base(controller: str) -> Path:
        mount = root / "sys/fs/cgroup" / controller
        found = _own(mount, paths.get(controller, "/")) / f"perijove-{instance}"
        found.mkdir(exist_ok=True)
        return found

    with suppress(OSError):
        found = Version1(base("memory"), base("cpu"))
        with suppress(OSError):
            found = replace(found, pids=base(_PIDS))
        return found
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
