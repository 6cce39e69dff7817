"""Measure both hubs and write docs/reference/performance.md.

python -m bench.hub [--chp configurable-http-proxy] [--only ours|theirs] [--starts N] …
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.hub.contender import Contender, JupyterHub, Perijove, free_port
from bench.hub.measure import Storm, look_cost, memory, start_cost, storm
from bench.hub.report import Figures, rows, write
from perijove.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of each."""

    rounds: int
    starts: int
    looks: int
    storm: int
    users: int
    servers: int


async def measured(quick: Contender, large: Contender, sizes: Sizes) -> Figures:
    """Return the figures of one contender: `quick` for the clock, `large` for memory."""
    await quick.start()
    try:
        rounds = range(sizes.rounds)
        start_ms = min([await start_cost(quick, sizes.starts, number) for number in rounds])
        print(f"{quick.name}: {start_ms:.2f} ms a start", flush=True)
        look_ms = min([await look_cost(quick, sizes.looks) for _ in rounds])
        print(f"{quick.name}: {look_ms:.3f} ms a GET /hub/api/user", flush=True)
        crowd = Storm.best([await storm(quick, sizes.storm, number) for number in rounds])
        print(f"{quick.name}: {crowd}", flush=True)
    finally:
        await asyncio.to_thread(quick.stop)
    await large.start()
    try:
        memory_mib = await memory(large, sizes.users, sizes.servers)
    finally:
        await asyncio.to_thread(large.stop)
    print(f"{quick.name}: {memory_mib:.0f} MiB", flush=True)
    return Figures(start_ms=start_ms, look_ms=look_ms, storm=crowd, memory_mib=memory_mib)


async def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure; return whether every bar is met."""
    sizes = Sizes(
        rounds=asked.rounds,
        starts=asked.starts,
        looks=asked.looks,
        storm=asked.storm,
        users=asked.users,
        servers=asked.servers,
    )
    port = free_port()
    stub = subprocess.Popen([sys.executable, "-m", "bench.hub.stub", str(port)])  # noqa: ASYNC220, S603
    try:
        ours = await measured(
            Perijove(name="Perijove", folder=folder / "ours", stub=port),
            Perijove(name="Perijove", folder=folder / "ours-large", stub=port),
            sizes,
        )
        theirs = None
        if asked.only != "ours":
            names = ("theirs", "theirs-large")
            quick, large = (
                JupyterHub(name="JupyterHub", folder=folder / name, stub=port, chp=asked.chp)
                for name in names
            )
            theirs = await measured(quick, large, sizes)
    finally:
        stub.terminate()
        stub.wait()
    table = rows(ours, theirs)
    print("\n".join(row.text() for row in table))
    if theirs is not None:
        profile = asked.profile.read_text() if asked.profile else ""
        write(table, Clock()(), sizes.rounds, profile)
    return all(row.met for row in table)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--only", choices=["ours", "both"], default="both")
    parser.add_argument("--rounds", type=int, default=3, help="of each; the best counts")
    parser.add_argument("--starts", type=int, default=400)
    parser.add_argument("--looks", type=int, default=4000)
    parser.add_argument("--storm", type=int, default=1000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--profile", type=Path, help="a text to put below the table")
    asked = parser.parse_args()
    if asked.only != "ours" and not asked.chp:
        parser.error("JupyterHub needs its proxy: --chp PATH of configurable-http-proxy")
    return asked


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if asyncio.run(main(arguments(), Path(place))) else 1)
