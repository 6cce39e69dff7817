"""What is measured with a thousand servers: a hub that rests, and one that is killed and back."""

import asyncio
import time
from dataclasses import dataclass

from bench.hub.contender import Contender
from bench.hub.measure import settle
from bench.proc import cpu_seconds

_RESTING = 30.0
_PATIENCE = 120.0
_OK = 200
_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """`answers_s` and `verified_s` count from the start of the new process."""

    idle_percent: float
    answers_s: float
    verified_s: float


async def kept(hub: Contender, servers: int, times: int) -> Kept:
    """Measure; `servers` are running. Of `times` restarts the best counts."""
    idle = await idle_percent(hub)
    came = [await restart(hub, servers) for _ in range(times)]
    return Kept(
        idle_percent=idle,
        answers_s=min(answers for answers, _ in came),
        verified_s=min(verified for _, verified in came),
    )


async def idle_percent(hub: Contender) -> float:
    """Return how much of a core the hub takes while nobody asks anything."""
    await settle(hub)
    cpu, began = cpu_seconds(hub.hub), time.monotonic()
    await asyncio.sleep(_RESTING)
    return (cpu_seconds(hub.hub) - cpu) / (time.monotonic() - began) * 100


async def restart(hub: Contender, servers: int) -> tuple[float, float]:
    """Kill the hub; return the seconds until a new one answers, and knows every server ready.

    Raises:
        TimeoutError: not within two minutes.
    """
    await asyncio.to_thread(hub.kill_hub)
    began = time.monotonic()
    hub.start_hub()
    client = hub.client()
    async with asyncio.timeout(_PATIENCE):
        while (await client.ask("GET", "/hub/api/user"))[0] != _OK:
            await asyncio.sleep(0.01)
        answers = time.monotonic() - began
        for offset in range(0, servers, _PAGE):
            path = f"/hub/api/users?state=ready&limit={_PAGE}&offset={offset}"
            while len(await client.json("GET", path)) < min(_PAGE, servers - offset):
                await asyncio.sleep(0.02)
    client.close()
    return answers, time.monotonic() - began
