"""What is measured: a start, a look, a thousand starts at once, memory; and with what."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.hub.client import Client
from bench.hub.contender import Contender
from bench.proc import cpu_seconds, rss_mib

ACCEPTED = {200, 201, 202, 204}
STALLED = 130.0
"""Seconds after which what is not ready counts as failed; JupyterHub gives up after 120."""


@dataclass(frozen=True, slots=True)
class Storm:
    """A thousand starts at once."""

    failed: int
    seconds: float
    p99_ms: float
    cpu_ms: float

    @staticmethod
    def best(rounds: "list[Storm]") -> "Storm":
        """Return the best of each figure: what is worse is what else the machine did."""
        return Storm(
            failed=min(it.failed for it in rounds),
            seconds=min(it.seconds for it in rounds),
            p99_ms=min(it.p99_ms for it in rounds),
            cpu_ms=min(it.cpu_ms for it in rounds),
        )


async def add_users(hub: Contender, prefix: str, number: int) -> list[str]:
    """Make `number` users, some hundreds a request."""
    client, names = hub.client(), [f"{prefix}{n:05d}" for n in range(number)]
    for first in range(0, number, 200):
        await client.json("POST", "/hub/api/users", {"usernames": names[first : first + 200]})
    client.close()
    return names


async def cost(
    hub: Contender,
    work: Callable[[str], Coroutine[Any, Any, None]],
    names: list[str],
    *,
    at_once: int = 4,
    then: Callable[[], Coroutine[Any, Any, object]] | None = None,
) -> float:
    """Return the hub's milliseconds of CPU for each name, until what comes `then` has come."""
    await settle(hub)
    cpu = cpu_seconds(hub.hub)
    await together(work, names, at_once)
    if then:
        await then()
    return (cpu_seconds(hub.hub) - cpu) / len(names) * 1e3


async def start_cost(hub: Contender, starts: int, number: int = 0) -> float:
    """Return the hub's milliseconds of CPU for each start, from the request to the route."""
    names = await add_users(hub, f"one{number}-", starts)
    wanted = await hub.routes() + starts
    client = hub.client()

    async def start(name: str) -> None:
        require(hub, await client.ask("POST", f"/hub/api/users/{name}/server"))

    async def routed() -> None:
        await until_routed(hub, wanted, STALLED)

    spent = await cost(hub, start, names, at_once=20, then=routed)
    client.close()
    return spent


async def look_cost(hub: Contender, client: Client, paths: list[str]) -> float:
    """Return the hub's milliseconds of CPU for each GET."""

    async def look(path: str) -> None:
        require(hub, await client.ask("GET", path))

    await together(look, paths[:200], 4)
    return await cost(hub, look, paths)


async def own_cost(hub: Contender, looks: int) -> float:
    """Return the hub's milliseconds of CPU for each GET /hub/api/user with a user's token."""
    client = hub.client()
    await client.ask("POST", "/hub/api/users/looker")
    made = await client.json("POST", "/hub/api/users/looker/tokens", {"note": "bench"})
    looker = Client(hub.port, made["token"])
    spent = await look_cost(hub, looker, ["/hub/api/user"] * looks)
    looker.close()
    client.close()
    return spent


async def storm(hub: Contender, starts: int, number: int = 0) -> Storm:
    """Start `starts` servers at once while somebody else asks who they are."""
    names = await add_users(hub, f"all{number}-", starts)
    before = await hub.routes()
    await settle(hub)
    client = hub.client()

    async def start(name: str) -> None:
        await client.ask("POST", f"/hub/api/users/{name}/server")

    async with watched(hub) as delays:
        cpu, began = cpu_seconds(hub.hub), time.monotonic()
        crowd = asyncio.create_task(together(start, names, starts))
        ready = await until_routed(hub, before + starts, STALLED)
        seconds = time.monotonic() - began
        spent = cpu_seconds(hub.hub) - cpu
        await crowd
    client.close()
    return Storm(
        seconds=seconds,
        failed=starts - (ready - before),
        p99_ms=p99_ms(delays),
        cpu_ms=spent / starts * 1e3,
    )


@asynccontextmanager
async def watched(hub: Contender) -> AsyncIterator[list[float]]:
    """Ask something unrelated meanwhile; the list has the seconds of each answer in the end."""
    probe = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.hub.probe", str(hub.port), hub.token),
        stdout=asyncio.subprocess.PIPE,
    )
    assert probe.stdout
    assert await probe.stdout.readline() == b"ready\n"
    delays = list[float]()
    try:
        yield delays
    finally:
        probe.terminate()
        said, _ = await probe.communicate()
    delays += json.loads(said)


async def populate(hub: Contender, users: int, servers: int) -> list[str]:
    """Make `users`, start the servers of the first `servers` of them; return their names.

    The hub is started again once the users are made, as one is that has run for a while.
    """
    names = await add_users(hub, "mem", users)
    await asyncio.to_thread(hub.stop)
    await hub.start()
    client = hub.client()

    async def start(name: str) -> None:
        require(hub, await client.ask("POST", f"/hub/api/users/{name}/server"))

    await together(start, names[:servers], 20)
    client.close()
    await until_routed(hub, servers, STALLED)
    return names


async def memory(hub: Contender) -> float:
    """Return the hub's RSS in MiB, after it was asked a little."""
    client = hub.client()
    for _ in range(200):
        await client.ask("GET", "/hub/api/user")
    await client.ask("GET", "/hub/api/users?state=active&limit=200")
    client.close()
    await settle(hub)
    return rss_mib(hub.hub)


def p99_ms(seconds: list[float]) -> float:
    """Return what 99 of 100 do not pass, in milliseconds."""
    return statistics.quantiles(seconds, n=100)[98] * 1e3


def require(hub: Contender, answer: tuple[int, bytes]) -> None:
    """Raise RuntimeError unless the hub has accepted it."""
    if answer[0] not in ACCEPTED:
        raise RuntimeError(f"{hub.name}: {answer[0]} {answer[1][:300]!r}")


async def together(
    work: Callable[[str], Coroutine[Any, Any, None]], names: list[str], number: int
) -> None:
    """Call `work` for every name, `number` at a time."""
    line = iter(names)

    async def one() -> None:
        for name in line:
            await work(name)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(number, len(names))):
            tasks.create_task(one())


async def until_routed(hub: Contender, wanted: int, patience: float) -> int:
    """Wait until the proxy leads to `wanted` servers or more; return to how many it does."""
    return await _until(hub, lambda found: found >= wanted, patience)


async def until_left(hub: Contender, left: int, patience: float) -> int:
    """Wait until the proxy leads to `left` servers or fewer; return to how many it does."""
    return await _until(hub, lambda found: found <= left, patience)


async def _until(hub: Contender, good: Callable[[int], bool], patience: float) -> int:
    end, found = time.monotonic() + patience, await hub.routes()
    while not good(found) and time.monotonic() < end:
        await asyncio.sleep(0.1)
        found = await hub.routes()
    return found


async def settle(hub: Contender) -> None:
    """Wait until the hub rests."""
    for _ in range(60):
        before = cpu_seconds(hub.hub)
        await asyncio.sleep(0.5)
        if cpu_seconds(hub.hub) - before <= 0.02:  # noqa: PLR2004 - two ticks
            return
