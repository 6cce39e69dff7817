"""The cluster as a whole: up, down, what runs, and loading images on every node."""

import fcntl
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.cluster.kit import (
    api,
    binaries,
    borrowed,
    certificates,
    control_plane,
    diagnosis,
    fake_nodes,
    leftovers,
    network,
    node,
    parts,
    storage,
    store,
    tools,
)
from tests.cluster.kit.places import BIN, KUBECONFIG, LOCK, LOG, MOST_NODES, RUN, socket
from tests.cluster.kit.words import Refused, run, say, wait, write


class NotReady(Refused):
    """Nodes do not come, and what is known of the reason."""


_AGAIN = 3
"""How often a part is started again that ends before the nodes are Ready."""
MARK = RUN / "up.json"
"""Written at the very end of `up`: how many nodes there are, and in which boot of the machine."""


@contextmanager
def alone() -> Iterator[None]:
    """Let one command at a time change the cluster."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def nodes() -> int:
    """Return how many nodes the cluster that is up has; 0 when none is, or only its remains."""
    if not MARK.exists():
        return 0
    mark = json.loads(MARK.read_text())
    living = any(parts.alive(part) for part in parts.known().values())
    return int(mark["nodes"]) if living and mark["boot"] == _boot() else 0


def up(count: int = 2, fakes: int = 0) -> None:
    """Bring the cluster up, or make the one that is up whole again."""
    borrows = borrowed.kubeconfig()
    if borrows is not None:
        borrowed.check(borrows)
        return
    tools.require_root()
    tools.require(tools.RUNNING)
    binaries.require()
    if not 1 <= count <= MOST_NODES:
        raise Refused(f"A cluster here has 1 to {MOST_NODES} nodes (fake ones: --fake-nodes).")
    with alone():
        began = time.monotonic()
        _mend(count) if nodes() else _make_surely(count)
        if fakes:
            fake_nodes.begin_all(fakes)
        say(
            f"up in {time.monotonic() - began:.1f} s; KUBECONFIG={KUBECONFIG} kubectl={BIN}/kubectl"
        )


def _mend(count: int) -> None:
    had, resting = nodes(), parts.resting()
    if count > had:
        raise Refused(f"The cluster is up with {had} nodes: put it down first to have {count}.")
    say(f"the cluster is up already, with {had} nodes")
    for name in resting:
        parts.start(name)
    _wait_for_nodes(had)


def _make_surely(count: int) -> None:
    """Make it, a second time from nothing if its nodes do not come: that was seen once."""
    try:
        _make(count)
    except NotReady as error:
        say(f"{error}\nonce more, from nothing")
        _make(count)


def _make(count: int) -> None:
    if leftovers.some():
        say("cleaning up after a cluster that died")
        leftovers.clear()
    RUN.mkdir(parents=True, exist_ok=True)
    certificates.make()
    network.make(count)
    control_plane.begin_all()
    binding = ("--clusterrole=system:node-proxier", "--user=system:kube-proxy")
    api.kubectl("create", "clusterrolebinding", "kube-proxy", *binding)
    for number in range(1, count + 1):
        node.begin_all(number)
    _wait_for_nodes(count)
    storage.begin_all()
    account = ("get", "serviceaccount", "default", "--ignore-not-found")
    wait("default service account", lambda: "default" in api.kubectl(*account))
    write(MARK, json.dumps({"nodes": count, "boot": _boot()}))


def _wait_for_nodes(count: int) -> None:
    wanted = {f"n{number}" for number in range(1, count + 1)}
    again = Counter[str]()

    def ready() -> bool:
        for name in parts.resting():  # a kubelet ends when its containerd is slow
            if again[name] < _AGAIN:
                again[name] += 1
                parts.start(name)
        return wanted <= api.ready_nodes()

    try:
        wait("nodes Ready", ready, seconds=90, look=str(LOG))
    except Refused as error:
        raise NotReady(f"{error}\n{diagnosis.of_nodes(wanted)}") from None


def down() -> None:
    """Take the cluster down; one that is borrowed is left alone."""
    if borrowed.kubeconfig() is not None:
        say(f"the cluster of {borrowed.VARIABLE} is not ours: it stays as it is")
        return
    tools.require_root()
    with alone():
        began = time.monotonic()
        if not leftovers.some():
            say("no cluster is up")
            return
        leftovers.clear()
        say(f"down in {time.monotonic() - began:.1f} s")


def kubeconfig() -> Path:
    """Return the file with which to reach the cluster; refuse when none is up."""
    borrows = borrowed.kubeconfig()
    if borrows is not None:
        return borrows
    if not nodes():
        raise Refused("No cluster is up: make cluster-up, or name one in PERIJOVE_TEST_KUBECONFIG.")
    return KUBECONFIG


def status() -> None:
    """Print which parts run, and what is in the cluster."""
    config = kubeconfig()
    for name, part in parts.known().items():
        say(f"{name:22} {f'pid {part.pid}' if parts.alive(part) else 'does not run'}")
    wanted = ("get", "nodes,pods,pvc,svc", "-A", "-o", "wide", "--request-timeout=5s")
    say(run(borrowed.kubectl(), f"--kubeconfig={config}", *wanted))


def load(archives: list[Path]) -> None:
    """Load files of `docker save` on every node; what is there already is left."""
    if borrowed.kubeconfig() is not None:
        say(f"the cluster of {borrowed.VARIABLE}: {borrowed.IMAGES}")
        return
    count = nodes()
    if not count:
        raise Refused("No cluster is up to load images into: make cluster-up.")
    names = [f"n{number}" for number in range(1, count + 1)]
    with ThreadPoolExecutor() as nodes_at_once:
        for archive in archives:
            loads = nodes_at_once.map(partial(_load, archive), names)
            say(f"  {archive.name}: {', '.join(loads)}")


def _load(archive: Path, name: str) -> str:
    began = time.monotonic()
    if not socket(name).exists():
        raise Refused(f"{name} has no containerd: start it, or make cluster-up.")
    done = "loaded on" if store.load(name, archive) else "is already on"
    return f"{done} {name} in {time.monotonic() - began:.1f} s"
