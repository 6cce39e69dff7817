"""Two hubs beside each other: both as contenders, what runs for both, and what is said of them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from tests.ports import free_port

from bench.hub.contender import Contender, JupyterHub, Perijove

Make: TypeAlias = Callable[[str, str], Contender]
"""Makes one contender with a folder and a database of its own."""


def both(folder: Path, stub: int, chp: str) -> tuple[Make, Make]:
    """Return what makes ours, and what makes JupyterHub with that proxy; each below `folder`."""

    def ours(name: str, database: str) -> Contender:
        place = folder / f"ours-{name}"
        return Perijove(name="Perijove", folder=place, stub=stub, database=database)

    def theirs(name: str, database: str) -> Contender:
        place = folder / f"theirs-{name}"
        return JupyterHub(name="JupyterHub", folder=place, stub=stub, database=database, chp=chp)

    return ours, theirs


@asynccontextmanager
async def started(contender: Contender) -> AsyncIterator[Contender]:
    """Run it meanwhile."""
    await contender.start()
    try:
        yield contender
    finally:
        await asyncio.to_thread(contender.stop)


def say(hub: Contender, words: str) -> None:
    """Print a figure as soon as there is one."""
    print(f"{hub.name}: {words}", flush=True)


def beside(stack: ExitStack, module: str, *more: str) -> int:
    """Run a module on a free port, which is its first argument, until the end; return the port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port), *more])  # noqa: S603
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return port
