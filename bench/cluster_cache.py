"""How long the loop stalls, and what memory it takes, to keep 5,000 pods: list, relist, a storm.

    .venv/bin/python -m bench.cluster_cache [pods]

The API server is the scripted one of the tests, in a process of its own; pods are as long as
real ones (7 KB). The loop is uvloop's, as in the hub.
"""

import asyncio
import gc
import json
import multiprocessing
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import uvloop
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.authority import Authority

from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import CLAIMS, EVENTS, PODS, Cluster
from perijove.spawners.kubernetes.interest import Interest, event_of_ours, told_pod
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.tls import Trust
from perijove.spawners.kubernetes.trim import keeping

_TICK = 0.0005
_STORM = 1000
_POD = keeping(
    "metadata.labels",
    "metadata.annotations",
    "metadata.creationTimestamp",
    "spec.nodeName",
    "spec.containers[].name",
    "spec.containers[].image",
    "spec.containers[].resources",
    "status.phase",
    "status.podIP",
    "status.reason",
    "status.message",
    "status.conditions",
    "status.containerStatuses",
)
_INTERESTS = (
    Interest(PODS, trim=_POD),
    Interest(CLAIMS, trim=keeping("status.phase")),
    Interest(EVENTS, trim=event_of_ours, rings=told_pod),
)


def _pod(number: int) -> dict[str, Any]:
    """Return a pod of about 7 KB, most of it what nobody reads."""
    conditions = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    managed: dict[str, Any] = {f"f:field-{n}": {"f:name": {}, ".": {}} for n in range(100)}
    container = {
        "name": "notebook",
        "image": "quay.io/jupyter/base-notebook:latest",
        "env": [{"name": f"JUPYTERHUB_{n}", "value": "x" * 30} for n in range(35)],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}},
    }
    return {
        "metadata": {
            "name": f"jupyter-user-{number}",
            "labels": {f"hub.jupyter.org/label-{n}": "value" for n in range(8)},
            "annotations": {"hub.jupyter.org/username": f"user-{number}"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "hub", "fieldsV1": managed}],
        },
        "spec": {"nodeName": f"node-{number % 50}", "containers": [container]},
        "status": {
            "phase": "Running",
            "podIP": "10.1.2.3",
            "conditions": [
                {"type": it, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
                for it in conditions
            ],
            "containerStatuses": [
                {"name": "notebook", "ready": True, "state": {"running": {"startedAt": "now"}}}
            ],
        },
    }


def _serve(pods: int, pipe: Connection, key: Authority) -> None:
    asyncio.run(_serving(pods, pipe, key))


async def _serving(pods: int, pipe: Connection, key: Authority) -> None:
    server = ApiServer()
    for number in range(pods):
        made = server.put("pods", _pod(number))
        about = {"kind": "Pod", "name": made["metadata"]["name"], "uid": made["metadata"]["uid"]}
        for reason in ("Scheduled", "Pulled", "Created", "Started"):
            name = f"{about['name']}.{reason}"
            told = {"reason": reason, "message": "m" * 80, "lastTimestamp": "2026-01-01"}
            server.put("events", {"metadata": {"name": name}, "involvedObject": about, **told})
    server.history.clear()
    async with server.serving(key.server()):
        pipe.send(server.url)
        while (order := await asyncio.to_thread(pipe.recv)) != "end":
            if order == "relist":
                for watch in server.watches:
                    watch.silent = True
                server.put("pods", _pod(pods - 1))
                server.compact()
                for watch in list(server.watches):
                    watch.cut()
            if order == "storm":
                for number in range(_STORM):
                    server.put("pods", _pod(number))
                    await asyncio.sleep(0)


class Stall:
    """The longest that a tick of the loop came late, and the most CPU spent between two of them.

    The first counts what other programs of the machine took as well, the second only us.
    """

    def __init__(self) -> None:
        self.late = self.busy = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        wall, cpu = perf_counter(), thread_time()
        while True:
            await asyncio.sleep(_TICK)
            now, spent = perf_counter(), thread_time()
            self.late = max(self.late, now - wall - _TICK)
            self.busy = max(self.busy, spent - cpu)
            wall, cpu = now, spent


@asynccontextmanager
async def _measured(what: str) -> AsyncIterator[None]:
    stall, began, cpu = Stall(), perf_counter(), process_time()
    task = asyncio.create_task(stall.run())
    await asyncio.sleep(0.01)
    yield
    wall, spent = perf_counter() - began, process_time() - cpu
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    print(
        f"{what:24} wall {wall:6.2f} s   CPU {spent:6.2f} s"
        f"   stall {stall.busy * 1000:5.1f} ms of CPU, {stall.late * 1000:5.1f} in all"
        f"   RSS {_memory():6.1f} MiB"
    )


def _memory() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _version(cluster: Cluster) -> str:
    return (await cluster.list(CLAIMS))[1]


async def _bench(url: str, authority: Authority, pipe: Connection, pods: int) -> None:
    cluster = await Cluster.connect(Access(url, "hub", "bench", trust=Trust(authority.pem)))
    cache = Cache(cluster, _INTERESTS)
    gc.freeze()  # as the hub should, once it has loaded what it needs
    print(f"{'before':24} RSS {_memory():.1f} MiB")
    task = asyncio.create_task(cache.run())
    async with _measured(f"first list of {pods}"):
        await cache.synced()
    await asyncio.sleep(0.5)
    last = await _version(cluster)
    async with _measured("relist of all"):
        pipe.send("relist")
        while not _newer(cache, pods - 1, last):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    last = await _version(cluster)
    async with _measured(f"storm of {_STORM} changes"):
        pipe.send("storm")
        while not _newer(cache, _STORM - 1, last):
            await asyncio.sleep(0.01)
    _at_rest(cache)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await cluster.close()


def _at_rest(cache: Cache) -> None:
    """Print what it costs while nothing happens."""
    began = process_time()
    for number in range(1000):
        cache.get(PODS, f"jupyter-user-{number}")
    print(f"one look: {(process_time() - began) * 1000:.1f} µs")
    gc.collect()
    began = thread_time()
    gc.collect()
    print(f"a full garbage collection: {(thread_time() - began) * 1000:.1f} ms of CPU")
    kept = sum(len(json.dumps(it)) for it in cache.all(PODS)) / 2**20
    print(f"text of the pods: {kept:.1f} MiB")


def _newer(cache: Cache, number: int, last: str) -> bool:
    found = cache.get(PODS, f"jupyter-user-{number}")
    return found is not None and int(found["metadata"]["resourceVersion"]) > int(last)


def main() -> None:
    """Run it."""
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    authority = Authority()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(
        target=_serve, args=(pods, theirs, authority)
    )
    server.start()
    try:
        uvloop.run(_bench(ours.recv(), authority, ours, pods))
    finally:
        ours.send("end")
        server.join(10)


if __name__ == "__main__":
    main()
