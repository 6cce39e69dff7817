"""What is measured: a start, a look, a thousand starts at once, ten thousand users in memory."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bench.hub.client import Client
from bench.hub.contender import Contender
from bench.hub.proc import cpu_seconds, rss_mib

_ACCEPTED = {201, 202}
_OK = 200
_STALLED = 130.0
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


async def start_cost(hub: Contender, starts: int, number: int = 0, at_once: int = 20) -> float:
    """Return the hub's milliseconds of CPU for each start, from the request to the route."""
    names = await add_users(hub, f"one{number}-", starts)
    before = await hub.routes()
    await settle(hub)
    cpu = cpu_seconds(hub.hub)
    client = hub.client()

    async def start(name: str) -> None:
        status, answer = await client.ask("POST", f"/hub/api/users/{name}/server")
        if status not in _ACCEPTED:
            raise RuntimeError(f"{hub.name}: {status} {answer[:300]!r}")

    await together(start, names, at_once)
    await until_routed(hub, before + starts, _STALLED)
    cost = cpu_seconds(hub.hub) - cpu
    client.close()
    return cost / starts * 1e3


async def look_cost(hub: Contender, looks: int, at_once: int = 4) -> float:
    """Return the hub's milliseconds of CPU for each GET /hub/api/user with a user's token."""
    client = hub.client()
    await client.ask("POST", "/hub/api/users/looker")
    made = await client.json("POST", "/hub/api/users/looker/tokens", {"note": "bench"})
    looker = Client(hub.port, made["token"])

    async def look(_: str) -> None:
        status, answer = await looker.ask("GET", "/hub/api/user")
        if status != _OK:
            raise RuntimeError(f"{hub.name}: {status} {answer[:300]!r}")

    await together(look, [""] * 200, at_once)
    await settle(hub)
    cpu = cpu_seconds(hub.hub)
    await together(look, [""] * looks, at_once)
    cost = cpu_seconds(hub.hub) - cpu
    looker.close()
    client.close()
    return cost / looks * 1e3


async def storm(hub: Contender, starts: int, number: int = 0) -> Storm:
    """Start `starts` servers at once while somebody else asks who they are."""
    names = await add_users(hub, f"all{number}-", starts)
    before = await hub.routes()
    await settle(hub)
    probe = await _probe(hub)
    client, cpu, began = hub.client(), cpu_seconds(hub.hub), time.monotonic()

    async def start(name: str) -> None:
        await client.ask("POST", f"/hub/api/users/{name}/server")

    crowd = asyncio.create_task(together(start, names, starts))
    ready = await until_routed(hub, before + starts, _STALLED)
    seconds = time.monotonic() - began
    cost = cpu_seconds(hub.hub) - cpu
    await crowd
    probe.terminate()
    delays, _ = await probe.communicate()
    client.close()
    return Storm(
        seconds=seconds,
        failed=starts - (ready - before),
        p99_ms=statistics.quantiles(json.loads(delays), n=100)[98] * 1e3,
        cpu_ms=cost / starts * 1e3,
    )


async def _probe(hub: Contender) -> asyncio.subprocess.Process:
    """Return a process that asks something unrelated, and has begun to."""
    probe = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.hub.probe", str(hub.port), hub.token),
        stdout=asyncio.subprocess.PIPE,
    )
    assert probe.stdout
    assert await probe.stdout.readline() == b"ready\n"
    return probe


async def memory(hub: Contender, users: int, servers: int) -> float:
    """Return the hub's RSS in MiB, with `users` in the database and `servers` running.

    The hub is started again once the users are made, as one is that has run for a while.
    """
    await add_users(hub, "mem", users)
    await asyncio.to_thread(hub.stop)
    await hub.start()
    client = hub.client()
    for n in range(servers):
        await client.ask("POST", f"/hub/api/users/mem{n:05d}/server")
    await until_routed(hub, servers, _STALLED)
    for _ in range(200):
        await client.ask("GET", "/hub/api/user")
    await client.ask("GET", "/hub/api/users?state=active&limit=200")
    client.close()
    await settle(hub)
    return rss_mib(hub.hub)


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
    """Wait until the proxy leads to `wanted` servers; return to how many it does."""
    end, found = time.monotonic() + patience, await hub.routes()
    while found < wanted and time.monotonic() < end:
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
