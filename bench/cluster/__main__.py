"""Measure both hubs on the test cluster and write docs/reference/performance-cluster.md.

python -m bench.cluster --theirs PYTHON --chp configurable-http-proxy  (root; `make cluster-up`)
PYTHON has jupyterhub 5.5.0 and jupyterhub-kubespawner 7.1.0 from PyPI; needs kwok nodes, and the
image of `python3 -m tests.cluster.kit images --load perijove-test-reference`.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.kit import borrowed, cluster

from bench.cluster.contenders import (
    REAL,
    VALUES,
    Contestant,
    Perijove,
    Place,
    ZeroToJupyterHub,
)
from bench.cluster.first import first
from bench.cluster.measure import figures, plain
from bench.cluster.report import rows, waits, write
from perijove.kit.clock import Clock

_T = TypeVar("_T")


async def measured(hub: Contestant, what: Callable[[Contestant], Awaitable[_T]]) -> _T:
    """Return a figure of one contender in an empty namespace."""
    await asyncio.to_thread(hub.place.empty)
    await hub.start()
    try:
        return await what(hub)
    finally:
        await asyncio.to_thread(hub.stop)
        await asyncio.to_thread(
            hub.place.run, "delete", "namespace", hub.place.namespace, "--wait=false"
        )


@dataclass(frozen=True, slots=True)
class Field:
    """Where contenders run."""

    asked: argparse.Namespace
    folder: Path
    kubeconfig: Path
    kubectl: Path

    def place(self, name: str) -> Place:
        """Return a namespace for one of them."""
        return Place(kubeconfig=self.kubeconfig, kubectl=self.kubectl, namespace=f"bench-{name}")

    def ours(self, name: str, values: dict[str, Any]) -> Perijove:
        """Return our contender."""
        folder = self.folder / name
        return Perijove(
            name="Perijove", folder=folder, stub=0, place=self.place(name), values=values
        )

    def theirs(self, name: str, *, real: bool) -> ZeroToJupyterHub:
        """Return theirs."""
        return ZeroToJupyterHub(
            name="Zero-to-JupyterHub",
            folder=self.folder / name,
            stub=0,
            place=self.place(name),
            python=self.asked.theirs,
            chp=self.asked.chp,
            real=real,
        )


async def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure; return whether every bar is met."""
    field = Field(asked, folder, cluster.kubeconfig(), Path(borrowed.kubectl()))
    crowd = partial(figures, servers=asked.servers)
    stub = subprocess.Popen([sys.executable, "-m", "bench.cluster.stub"])  # noqa: ASYNC220
    theirs = first_of_theirs = None
    try:
        wall = await plain(field.place("plain"), asked.servers)
        print(f"kubectl create: {wall:.1f} s", flush=True)
        ours = await measured(field.ours("ours", VALUES), crowd)
        print(ours, flush=True)
        first_of_ours = await measured(field.ours("first-ours", REAL), first)
        print(first_of_ours, flush=True)
        if asked.theirs:
            theirs = await measured(field.theirs("theirs", real=False), crowd)
            print(theirs, flush=True)
            first_of_theirs = await measured(field.theirs("first-theirs", real=True), first)
            print(first_of_theirs, flush=True)
    finally:
        stub.terminate()
        stub.wait()
    table = [*rows(ours, theirs, wall), *waits(first_of_ours, first_of_theirs)]
    print("\n".join(row.text() for row in table))
    if theirs is not None:
        write(table, Clock()(), asked.servers, wall)
    return all(row.met for row in table)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theirs", type=Path, help="a python with JupyterHub and KubeSpawner")
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--servers", type=int, default=200)
    asked = parser.parse_args()
    if asked.theirs and not asked.chp:
        parser.error("JupyterHub needs its proxy: --chp PATH of configurable-http-proxy")
    return asked


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(0 if asyncio.run(main(arguments(), Path(scratch))) else 1)
