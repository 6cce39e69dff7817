"""Taking a cluster down, whole or half dead: no process, mount, cgroup or namespace is left."""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster.kit import cgroups, network, store
from tests.cluster.kit.parts import alive, end, known
from tests.cluster.kit.places import HOME, MOST_NODES, RUN, VOLUMES, socket
from tests.cluster.kit.words import run

NODES = [f"n{number}" for number in range(1, MOST_NODES + 1)]


def mounts() -> list[str]:
    """Return what is mounted below our folders, the innermost first."""
    lines = Path("/proc/mounts").read_text().splitlines()
    ours = (f"{HOME}/", f"{RUN}/")
    return sorted(
        (it for it in (line.split()[1] for line in lines) if it.startswith(ours)), reverse=True
    )


def some() -> bool:
    """Return whether anything of a cluster is here, alive or dead."""
    spaces = run("ip", "netns", "list", check=False)
    return bool("pj-" in spaces or RUN.exists() or mounts() or cgroups.all_of_nodes())


def clear() -> None:
    """End every part and remove what it had; what later starts save time by (images) stays."""
    parts = known()
    for name, part in parts.items():
        if name.endswith(("-kubelet", "-proxy")):
            end(part)
    for node in NODES:
        runtime = parts.get(f"{node}-containerd")
        if runtime is not None and alive(runtime) and socket(node).exists():
            store.end_containers(node)
    for part in parts.values():
        end(part)
    _kill_shims()
    _kill(cgroups.processes())
    for place in mounts():
        run("umount", "-l", place, check=False)
    network.remove()
    cgroups.remove()
    _forget()


def _kill_shims() -> None:
    """A containerd that died leaves the shims of its containers: they name our socket."""
    shims = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = file.read_bytes()
            if b"containerd-shim" in words and f"{RUN}/".encode() in words:
                shims.add(int(file.parent.name))
    _kill(shims)


def _kill(processes: set[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    until = time.monotonic() + 5
    while time.monotonic() < until and any(Path(f"/proc/{it}").exists() for it in processes):
        time.sleep(0.05)


def _forget() -> None:
    """Remove what belongs to this cluster alone: its objects, pods and volumes."""
    nodes = [HOME / node / folder for node in NODES for folder in ("pod-logs", "kubelet")]
    for folder in [HOME / "etcd", VOLUMES, *nodes, RUN]:
        if folder.exists():
            shutil.rmtree(folder)
