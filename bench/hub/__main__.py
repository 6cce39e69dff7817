"""Measure both hubs and write docs/reference/performance.md.

python -m bench.hub [--chp configurable-http-proxy] [--only ours] [--rounds N] [--small]
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import programs, throw_away

from bench.hub.beside import Make, beside, both, say, started
from bench.hub.culler import cull_seconds
from bench.hub.doors import doors
from bench.hub.kept import kept
from bench.hub.measure import Storm, memory, own_cost, populate, start_cost, storm
from bench.hub.people import people
from bench.hub.report import Figures, rows, write
from bench.hub.rights import rights_ms
from perijove.kit.clock import Clock

_AWAY = 1.3
"""Milliseconds more that a round trip to the far database takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of each."""

    rounds: int
    starts: int = 400
    looks: int = 4000
    storm: int = 1000
    users: int = 10_000
    running: int = 200
    times: int = 2000
    kept: int = 1000
    far: int = 200


SMALL = Sizes(
    rounds=1, starts=20, looks=200, storm=50, users=500, running=20, times=100, kept=50, far=20
)
"""To see that it works."""


async def measured(make: Make, sizes: Sizes, far: str) -> Figures:
    """Return the figures of one contender. `far`: the URL of a database some way off."""
    rounds, idle = range(sizes.rounds), make("rights", "")
    rights = await rights_ms(idle, sizes.rounds)
    say(idle, f"{rights:.4f} ms a check of rights")
    async with started(make("quick", "")) as hub:
        start_ms = min([await start_cost(hub, sizes.starts, number) for number in rounds])
        say(hub, f"{start_ms:.2f} ms a start")
        look_ms = min([await own_cost(hub, sizes.looks) for _ in rounds])
        say(hub, f"{look_ms:.3f} ms a GET /hub/api/user")
        crowd = Storm.best([await storm(hub, sizes.storm, number) for number in rounds])
        say(hub, str(crowd))
    async with started(make("large", "")) as hub:
        names = await populate(hub, sizes.users, sizes.running)
        memory_mib = await memory(hub)
        say(hub, f"{memory_mib:.0f} MiB")
        many = await people(hub, names, sizes.running, sizes.times)
        say(hub, str(many))
        came = await doors(hub, names[-sizes.times // 2 :], sizes.looks)
        say(hub, str(came))
    async with started(make("kept", "")) as hub:
        await populate(hub, sizes.kept, sizes.kept)
        resting = await kept(hub, sizes.kept, sizes.rounds)
        say(hub, str(resting))
        cull_s = await cull_seconds(hub)
        say(hub, f"{cull_s:.2f} s for the culler")
    async with started(make("far", far)) as hub:
        away = Storm.best([await storm(hub, sizes.far, number) for number in rounds])
        say(hub, str(away))
    return Figures(
        start_ms=start_ms,
        look_ms=look_ms,
        rights_ms=rights,
        storm=crowd,
        memory_mib=memory_mib,
        people=many,
        doors=came,
        kept=resting,
        cull_s=cull_s,
        far=away,
    )


async def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure; return whether every bar is met."""
    sizes = SMALL if asked.small else Sizes(rounds=asked.rounds)
    with ExitStack() as stack:
        stub = beside(stack, "bench.hub.stub")

        ours, theirs = both(folder, stub, asked.chp)
        mine = await measured(ours, sizes, await asyncio.to_thread(_far, stack))
        other = None
        if asked.only != "ours":
            other = await measured(theirs, sizes, await asyncio.to_thread(_far, stack))
    table = rows(mine, other)
    print("\n".join(row.text() for row in table))
    if other is not None and not asked.small:
        profile = asked.profile.read_text() if asked.profile else ""
        write(table, Clock()(), sizes.rounds, profile)
    return all(row.met for row in table)


def _far(stack: ExitStack) -> str:
    """Start a PostgreSQL and a line to it; return the URL of its far end."""
    found = programs()
    if found is None:
        raise SystemExit("The bench needs PostgreSQL: apt-get install postgresql")
    url = stack.enter_context(throw_away(found))
    port = url.rpartition(":")[2].partition("/")[0]
    line = beside(stack, "bench.hub.line", port, str(_AWAY))
    return url.replace(f":{port}/", f":{line}/")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--only", choices=["ours", "both"], default="both")
    parser.add_argument("--rounds", type=int, default=3, help="of each; the best counts")
    parser.add_argument("--small", action="store_true", help="little of each: does it work?")
    parser.add_argument("--profile", type=Path, help="a text to put below the table")
    asked = parser.parse_args()
    if asked.only != "ours" and not asked.chp:
        parser.error("JupyterHub needs its proxy: --chp PATH of configurable-http-proxy")
    return asked


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if asyncio.run(main(arguments(), Path(place))) else 1)
