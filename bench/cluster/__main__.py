"""Measure both hubs on the test cluster and write docs/reference/performance-cluster.md.

python -m bench.cluster --theirs PYTHON --chp configurable-http-proxy  (root; `make cluster-up`)
PYTHON has jupyterhub 5.5.0 and jupyterhub-kubespawner 7.1.0 from PyPI; needs kwok nodes.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.kit import borrowed, cluster

from bench.cluster.contenders import Perijove, Place, ZeroToJupyterHub
from bench.cluster.measure import Figures, Hub, figures, plain
from bench.cluster.report import rows, write
from perijove.kit.clock import Clock


async def measured(hub: Hub, servers: int) -> Figures:
    """Return the figures of one contender in an empty namespace."""
    await asyncio.to_thread(hub.place.empty)
    await hub.start()
    try:
        return await figures(hub, servers)
    finally:
        await asyncio.to_thread(hub.stop)
        await asyncio.to_thread(
            hub.place.run, "delete", "namespace", hub.place.namespace, "--wait=false"
        )


async def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure; return whether every bar is met."""
    config, kubectl = cluster.kubeconfig(), Path(borrowed.kubectl())

    def place(name: str) -> Place:
        return Place(kubeconfig=config, kubectl=kubectl, namespace=f"bench-{name}")

    stub = subprocess.Popen([sys.executable, "-m", "bench.cluster.stub"])  # noqa: ASYNC220
    try:
        wall = await plain(place("plain"), asked.servers)
        print(f"kubectl create: {wall:.1f} s", flush=True)
        ours = await measured(
            Perijove(name="Perijove", folder=folder / "ours", stub=0, place=place("ours")),
            asked.servers,
        )
        print(ours, flush=True)
        theirs = None
        if asked.theirs:
            folder_of_theirs = folder / "theirs"
            theirs = await measured(
                ZeroToJupyterHub(
                    name="Zero-to-JupyterHub",
                    folder=folder_of_theirs,
                    stub=0,
                    place=place("theirs"),
                    python=asked.theirs,
                    chp=asked.chp,
                ),
                asked.servers,
            )
            print(theirs, flush=True)
    finally:
        stub.terminate()
        stub.wait()
    table = rows(ours, theirs, wall)
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
