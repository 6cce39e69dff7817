"""How long a person waits: from the wish to a server that is ready, and to a kernel's answer.

The pods are real, with a new volume each and the unmodified image of jupyterhub-singleuser, so
`python3 -m tests.cluster.kit images --load perijove-test-reference` comes first.
"""

import asyncio
import json
import statistics
import time
from dataclasses import dataclass

from tests.singleuser.kernel import Kernel

from bench.cluster.contenders import Contestant
from bench.hub.measure import add_users

_PATIENCE = 120.0
_TIMES = 3


@dataclass(frozen=True, slots=True)
class First:
    """Medians, in seconds."""

    ready: float
    answer: float


async def first(hub: Contestant) -> First:
    """Return how long it takes at `hub`, whose servers are real pods."""
    found = [await _one(hub, name) for name in await add_users(hub, "first", _TIMES)]
    ready, answer = zip(*found, strict=True)
    return First(statistics.median(ready), statistics.median(answer))


async def _one(hub: Contestant, user: str) -> tuple[float, float]:
    client, began = hub.client(), time.monotonic()
    await client.json("POST", f"/hub/api/users/{user}/server")
    async with asyncio.timeout(_PATIENCE):
        while not (await client.json("GET", f"/hub/api/users/{user}"))["servers"][""]["ready"]:
            await asyncio.sleep(0.05)
    ready = time.monotonic() - began
    client.close()
    await asyncio.to_thread(_ask, hub, user)
    return ready, time.monotonic() - began


def _ask(hub: Contestant, user: str) -> None:
    url = f"http://127.0.0.1:{hub.public}/user/{user}/"
    with Kernel(url, {"authorization": f"token {hub.token}"}) as kernel:
        said = kernel.run("print(6 * 7)")
        assert said == "42\n", json.dumps(said)
