"""A cgroup for each node: two kubelets on one kernel would clean up each other's pods otherwise."""

import os
from contextlib import suppress
from pathlib import Path

from tests.cluster.kit.words import Refused

ROOT = Path("/sys/fs/cgroup")


def unified() -> bool:
    """Return whether this machine has cgroup v2 alone."""
    return (ROOT / "cgroup.controllers").exists()


def make(name: str) -> str:
    """Make a cgroup below every controller, and return its path as kubelet wants it."""
    folders = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.is_symlink()]
    for above in [ROOT] if unified() else folders:
        group = above / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            # In v1 a new one has no processor at all.
            if (group / file).exists() and not (group / file).read_text().strip():
                (group / file).write_text((above / file).read_text())
    return f"/{name}"


def all_of_nodes() -> list[Path]:
    """Return the cgroups that `make` has made, in every hierarchy."""
    return [*ROOT.glob("pj-n?"), *ROOT.glob("*/pj-n?")]


def processes() -> set[int]:
    """Return the processes that are still in them."""
    found: set[int] = set()
    for group in all_of_nodes():
        for file in group.rglob("cgroup.procs"):
            with suppress(OSError):
                found |= {int(line) for line in file.read_text().split()}
    return found


def remove() -> None:
    """Remove them; a cgroup that still has a process is named."""
    for group in all_of_nodes():
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError as reason:
                raise Refused(f"The cgroup {folder} cannot be removed: {reason}.") from None
