"""What is measured of a hub on Kubernetes: starts, stops, requests, memory, rest."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.cluster.kit import audit

from bench.cluster.contenders import Contestant, Place
from bench.hub.measure import add_users, settle, together, until_routed
from bench.proc import cpu_seconds, rss_mib

_PATIENCE = 300.0
_IDLE = 120.0
"""Seconds of rest that are looked at."""
_THROTTLED = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one contender came to."""

    start_ms: float
    stop_ms: float
    start_seconds: float
    stop_seconds: float
    refused: int
    asked_a_start: float
    asked_a_minute: float
    lists_a_minute: float
    idle_percent: float
    fresh_mib: float
    full_mib: float


async def figures(hub: Contestant, servers: int) -> Figures:
    """Return the figures of `hub`, with `servers` servers at once."""
    fresh = rss_mib(hub.hub)
    names = await add_users(hub, "u", servers)
    await settle(hub)
    since, cpu, began = _now(), cpu_seconds(hub.hub), time.monotonic()
    refused = await _ask(hub, "POST", names)
    await until_routed(hub, servers, _PATIENCE)
    seconds = time.monotonic() - began
    await settle(hub)
    start_ms = (cpu_seconds(hub.hub) - cpu) / servers * 1e3
    asked = _requests(hub, since)
    idle_since, cpu, began = _now(), cpu_seconds(hub.hub), time.monotonic()
    await asyncio.sleep(_IDLE)
    rest = time.monotonic() - began
    idle = (cpu_seconds(hub.hub) - cpu) / rest * 100
    quiet = _requests(hub, idle_since)
    lists = _requests(hub, idle_since, lambda it: it.verb == "list")
    full = rss_mib(hub.hub)
    cpu, began = cpu_seconds(hub.hub), time.monotonic()
    await _ask(hub, "DELETE", names)
    await _until_none(hub)
    stopped = time.monotonic() - began
    await settle(hub)
    return Figures(
        start_ms=start_ms,
        stop_ms=(cpu_seconds(hub.hub) - cpu) / servers * 1e3,
        start_seconds=seconds,
        stop_seconds=stopped,
        refused=refused,
        asked_a_start=asked / servers,
        asked_a_minute=quiet / rest * 60,
        lists_a_minute=lists / rest * 60,
        idle_percent=idle,
        fresh_mib=fresh,
        full_mib=full,
    )


async def plain(place: Place, pods: int) -> float:
    """Return the seconds that the same pods take when kubectl creates them: the cluster's own."""
    await asyncio.to_thread(place.empty)
    await asyncio.sleep(3)
    manifest = "\n---\n".join(json.dumps(_pod(f"plain-{n}")) for n in range(pods))
    began = time.monotonic()
    await asyncio.to_thread(place.run, "create", "-f", "-", given=manifest)
    while await asyncio.to_thread(_running, place) < pods:
        await asyncio.sleep(0.2)
    seconds = time.monotonic() - began
    await asyncio.to_thread(place.run, "delete", "namespace", place.namespace, "--wait=false")
    return seconds


async def _ask(hub: Contestant, method: str, names: list[str]) -> int:
    """Ask for all at once, again where it is refused; return how many answers were 429."""
    client, refused = hub.client(), 0

    async def one(name: str) -> None:
        nonlocal refused
        while True:
            status, _ = await client.ask(method, f"/hub/api/users/{name}/server")
            if status != _THROTTLED:
                return
            refused += 1
            await asyncio.sleep(0.5)

    await together(one, names, len(names))
    client.close()
    return refused


async def _until_none(hub: Contestant) -> None:
    """Wait until the cluster has none of its pods."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and await asyncio.to_thread(_pods, hub.place) > 0:
        await asyncio.sleep(0.2)


def _requests(
    hub: Contestant, since: datetime, wanted: Callable[[audit.Asked], bool] = lambda _: True
) -> int:
    """Return how many requests it has made; a watch counts once, when it ends."""
    counted, here = audit.requests(since), {hub.place.namespace, ""}
    own = {it: n for it, n in counted.items() if it.agent.startswith(hub.agent)}
    return sum(n for it, n in own.items() if it.namespace in here and wanted(it))


def _pods(place: Place) -> int:
    return len(place.run("get", "pods", "-o", "name").split())


def _running(place: Place) -> int:
    words = ("get", "pods", "--field-selector=status.phase=Running", "-o", "name")
    return len(place.run(*words).split())


def _pod(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": "kwok", "operator": "Exists"}],
            "containers": [{"name": "notebook", "image": "stub:bench"}],
        },
    }


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - as the audit log has it
