"""Metrics of our own, `perijove_…`, and those of the process that every exporter has."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perijove import __version__
from perijove.core import Hub
from perijove.core.teller import Teller
from perijove.model.server import Server
from perijove.model.user import Standing
from perijove.store.people import Wanted

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = "perijove"
PHASES = ("queued", "starting", "running", "stopping")


@dataclass(frozen=True, slots=True)
class Told:
    """One of our metrics: its name after `perijove_`, its label and what it counts."""

    name: str
    label: str
    words: str
    counts: bool = False
    """It only ever grows."""


OURS = (
    Told("info", "version", "Which version the hub is; the value is 1"),
    Told("servers", "phase", "Servers that are not at rest, as this hub's database has them"),
    Told("people_waiting", "", "People who wait for an administrator to approve them"),
    Told("shards", "", "Shards of the servers that this hub drives, of 64"),
    Told("followers", "", "Proxies that follow the routes of this hub"),
    Told(
        "compared_seconds",
        "",
        "Seconds since this hub compared the whole table of a configurable-http-proxy; -1: never, "
        "or another hub does",
    ),
    Told("gpus", "state", "GPUs of the machine that servers may have: free, or taken by some"),
    Told("kept", "what", "Rows of what expires: tokens of each kind, codes, sessions"),
    Told("tasks", "", "Tasks of the hub's event loop: what it does at this moment"),
    Told("server_ends", "reason", "Servers that ran and run no longer, by why", counts=True),
    Told("routes_told", "", "Routes that a configurable-http-proxy has taken", counts=True),
    Told(
        "routes_declined", "", "Routes that a configurable-http-proxy would not take", counts=True
    ),
    Told("api_refused", "", "Calls of the API whose sender had made too many", counts=True),
    Told("audit_missing", "", "Entries that the audit log lacks for want of room", counts=True),
)
"""Every metric of ours."""
PROCESS = {
    "process_cpu_seconds_total": "Processor time of the hub",
    "process_resident_memory_bytes": "Memory of the hub",
    "process_open_fds": "Files and connections that the hub has open",
    "process_start_time_seconds": "When the hub began, in seconds of Unix time",
}
"""Of those of the process, the ones that are watched most."""


async def numbers(hub: Hub, servers: list[Server]) -> Mapping[str, Mapping[str, float]]:
    """Return the value of each of ours, by the value of its label ('' where there is none)."""
    held = [bool(it.workloads) for it in await hub.servers.allotment.holdings()]
    phases = Counter(str(server.phase) for server in servers)
    waiting = Wanted(standing=Standing.WAITING)
    _, total = await hub.accounts.page(waiting, 0, 1)
    return {
        "info": {__version__: 1},
        "servers": {phase: phases[phase] for phase in PHASES},
        "people_waiting": {"": total},
        "shards": {"": hub.shards()},
        "followers": {"": hub.feed.followers.count()},
        **_of_teller(hub.teller),
        "gpus": {"free": len(held) - sum(held), "taken": sum(held)},
        "kept": await hub.sweep.sizes(),
        "tasks": {"": len(asyncio.all_tasks())},
        "server_ends": dict(hub.timings.ends),
        "api_refused": {"": hub.pace.refused},
        "audit_missing": {"": hub.audit_missing()},
    }


def _of_teller(teller: Teller | None) -> Mapping[str, Mapping[str, float]]:
    """Return what there is to tell of a proxy that is told its routes: nothing, of our own."""
    if teller is None:
        return {"compared_seconds": {}, "routes_told": {}, "routes_declined": {}}
    return {
        "compared_seconds": {"": teller.since_compared()},
        "routes_told": {"": teller.told},
        "routes_declined": {"": teller.declined},
    }


def families(values: Mapping[str, Mapping[str, float]]) -> Iterator["Metric"]:
    """Yield ours as prometheus-client has them."""
    from prometheus_client.core import (  # noqa: PLC0415 - as in api.metrics
        CounterMetricFamily,
        GaugeMetricFamily,
    )

    for it in OURS:
        make = CounterMetricFamily if it.counts else GaugeMetricFamily
        family = make(f"{_PREFIX}_{it.name}", it.words, labels=[it.label] if it.label else [])
        for label, value in values[it.name].items():
            family.add_metric([label] if it.label else [], value)
        yield family


def process() -> Iterator["Metric"]:
    """Yield what the system knows of this process."""
    from prometheus_client import ProcessCollector  # noqa: PLC0415 - as in api.metrics

    yield from ProcessCollector(registry=None).collect()
