"""Measure what programs that know JupyterHub cost both hubs; write that part of the page.

python -m bench.hub.clients [--chp configurable-http-proxy] [--small]

It takes a third of the time of bench.hub, which measures this and all else.
"""

import argparse
import asyncio
import platform
import shutil
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from bench.hub.beside import Make, beside, both, say, started
from bench.hub.culler import cull_seconds
from bench.hub.doors import doors
from bench.hub.measure import look_cost, own_cost, populate
from bench.hub.people import listing
from bench.hub.report import CHECK, CULL, DANCE, LIST, LOOK, RIGHTS, USER, Row, drawn
from bench.hub.rights import rights_ms
from bench.page import machine, put
from perijove.kit.clock import Clock

HEADING = "The hub and its clients"
_LINES = (RIGHTS, LOOK, USER, LIST, DANCE, CHECK, CULL)


async def measured(make: Make, small: bool) -> list[float]:  # noqa: FBT001 - of the command line
    """Return the figures of one contender, in the order of the table."""
    users, times, idle = (500, 200, 50) if small else (10_000, 4000, 1000)
    hub = make("rights", "")
    figures = [await rights_ms(hub, 3)]
    async with started(make("clients", "")) as hub:
        names = await populate(hub, users, 0)
        client = hub.client()
        looked = await look_cost(
            hub, client, [f"/hub/api/users/{it}" for it in names[: times // 2]]
        )
        client.close()
        figures += [await own_cost(hub, times), looked, await listing(hub, users) * 1e3]
        came = await doors(hub, names[-times // 4 :], times)
        figures += [came.dance, came.check]
        say(hub, " ".join(f"{it:.4g}" for it in figures))
    async with started(make("idle", "")) as hub:
        await populate(hub, idle, idle)
        figures.append(await cull_seconds(hub))
        say(hub, f"{figures[-1]:.2f} s for the culler")
    return figures


async def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure both; return whether every bar is met."""
    with ExitStack() as stack:
        ours, theirs = both(folder, beside(stack, "bench.hub.stub"), asked.chp)
        mine, other = await measured(ours, asked.small), await measured(theirs, asked.small)
    table = [
        Row(what, bar, unit, one, two)
        for (what, bar, unit), one, two in zip(_LINES, mine, other, strict=True)
    ]
    print("\n".join(row.text() for row in table))
    if not asked.small:
        put(HEADING, _page(table, Clock()()))
    return all(row.met for row in table)


def _page(table: list[Row], today: datetime) -> str:
    return f"""Written by `make bench-clients` on {today:%Y-%m-%d}, on {machine()},
Python {platform.python_version()}, once each. Other work shared the machine: the ratios say more
than the figures. Our hub beside JupyterHub 6.1.1 with its npm proxy, in the same run, with the same
spawner as above; CPU is that of the hub process alone, from /proc. The culler is
jupyterhub-idle-culler 2.0.0, unmodified.

{drawn(table)}"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--small", action="store_true", help="little of each: does it work?")
    asked = parser.parse_args()
    if not asked.chp:
        parser.error("JupyterHub needs its proxy: --chp PATH of configurable-http-proxy")
    return asked


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if asyncio.run(main(arguments(), Path(place))) else 1)
