"""Trial: a pod as people get it, which looks around, says what it has found, and goes."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from perijove.kit.clock import Clock
from perijove.model.signal import Signal
from perijove.model.workload import LaunchSpec, Origin
from perijove.spawners.kubernetes import pod
from perijove.spawners.kubernetes.cluster import EVENTS, NODES, PODS, Cluster
from perijove.spawners.kubernetes.errors import ClusterError, Missing, Refusal
from perijove.spawners.kubernetes.labels import INSTANCE
from perijove.spawners.kubernetes.names import fields
from perijove.spawners.kubernetes.refusals import refusal
from perijove.spawners.kubernetes.signals import Sight, ended, moment, signals

NAME = "perijove-doctor"
_ON_ITS_WAY = {
    "claim-pending", "image-pulled", "image-pulling", "image-slow", "scaling-up", "scheduled",
    "volume-made",
}  # fmt: skip
_HELD_UP = timedelta(seconds=20)
"""What is no final word may pass for so long; then it is the answer."""
_LOOK = 0.5
_TRIES = 5
_LEAST_LIFE = 60
_LEFT = timedelta(minutes=15)
_NOT_FOR_A_TRIAL: Mapping[str, Any] = {
    "volumes": {}, "volume_mounts": {}, "init_containers": [], "extra_containers": [],
    "lifecycle_hooks": {},
}  # fmt: skip
_MARK = "perijove-doctor: "
_PROGRAM = f"""
import json, socket, sys, urllib.error, urllib.request
host, url = sys.argv[1:3]
found = {{}}
try:
    found["addresses"] = sorted({{it[4][0] for it in socket.getaddrinfo(host, None)}})
except OSError as error:
    found["dns"] = str(error)
try:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
    with opener.open(url, timeout=5) as answer:
        found["status"], found["version"] = answer.status, answer.headers["X-JupyterHub-Version"]
except urllib.error.HTTPError as error:
    found["status"] = error.code
except Exception as error:
    found["hub"] = str(getattr(error, "reason", error))
print({_MARK!r} + json.dumps(found))
"""
"""For any Python 3 that an image may have; through no proxy, as a server speaks to its hub."""


class Left(Exception):
    """The pod could not be removed; its text is its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of a trial."""

    signal: Signal | None = None
    """Why the pod did not run; None: it did."""
    node: str = ""
    image: str = ""
    found: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of `addresses` or `dns`, `status` and `version`, or `hub`; empty: it could not look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be tried: a pod of these traits, which asks for `url` on `host`."""

    traits: Mapping[str, Any]
    host: str
    url: str
    patience: timedelta = timedelta(minutes=5)


async def tried(cluster: Cluster, trial: Trial, clock: Clock) -> Heard:
    """Run one pod and return what it has found; nothing of it stays.

    Raises:
        Left: something of it stays.
        Missing: there is no such namespace.
        ClusterError: the cluster cannot be asked.
        model.errors.Refused: the settings do not make a pod.
    """
    await _remove_older(cluster, clock)
    name = f"{NAME}-{secrets.token_hex(5)}"
    manifest = _manifest(name, trial, cluster.namespace)
    try:
        async with _running(cluster, manifest):
            return await _watched(cluster, name, trial, clock)
    except Missing:
        raise
    except Refusal as error:
        image = str(manifest["spec"]["containers"][0]["image"])
        return Heard(signal=refusal(error), image=image)


@asynccontextmanager
async def _running(cluster: Cluster, manifest: pod.Manifest) -> AsyncIterator[None]:
    """Create a pod, and remove it whatever happens: without an answer it may be there as well."""
    try:
        await cluster.create(PODS, manifest)
        yield
    finally:
        await asyncio.shield(_remove(cluster, manifest["metadata"]["name"]))


async def _remove(cluster: Cluster, name: str) -> None:
    last: ClusterError | None = None
    for _ in range(_TRIES):
        try:
            await cluster.delete(PODS, name, grace=1)
        except Missing:
            return
        except ClusterError as error:
            last = error
            await asyncio.sleep(1)
        else:
            return
    raise Left(name) from last


async def _remove_older(cluster: Cluster, clock: Clock) -> None:
    """Remove what a doctor has left that was killed."""
    found, _ = await cluster.list(PODS, labels=f"{INSTANCE}={NAME}")
    for each in found:
        made = moment(each["metadata"].get("creationTimestamp"))
        if made and clock() - made > _LEFT:
            with suppress(Refusal):
                await cluster.delete(PODS, each["metadata"]["name"], grace=1)


def _manifest(name: str, trial: Trial, namespace: str) -> pod.Manifest:
    """Return the pod of a trial: as a server's, without a home and what needs one."""
    look = {"command": ["python3", "-c", _PROGRAM, trial.host, trial.url], "args": []}
    origin = Origin(instance=NAME, incarnation=1, user=NAME, server="", port=None)
    container = {**(trial.traits.get("extra_container_config") or {}), **look}
    traits = {**trial.traits, **_NOT_FOR_A_TRIAL, "extra_container_config": container}
    spec = LaunchSpec(name=name, origin=origin, command=())
    known = {**fields(NAME, "", 0, namespace), "pod_name": name, "pvc_name": name}
    made = pod.manifest(spec, traits, known)
    made["spec"]["activeDeadlineSeconds"] = int(trial.patience.total_seconds()) + _LEAST_LIFE
    made["spec"]["terminationGracePeriodSeconds"] = 1
    return made


async def _watched(cluster: Cluster, name: str, trial: Trial, clock: Clock) -> Heard:
    """Look until the pod has ended, or will never run."""
    began, held, last = clock(), None, Signal(code="start-timeout")
    while True:
        there = await cluster.get(PODS, name)
        if there is None:
            return Heard(signal=Signal(code="pod-deleted"))
        image = str(there["spec"]["containers"][0]["image"])
        if there.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            return await _ended(cluster, there, image)
        now = clock()
        sight = await _sight(cluster, there, clock)
        seen = signals(sight)
        final = next((it for it in seen if it.terminal), None)
        last = seen[-1] if seen else last
        hindered = bool(seen) and last.code not in _ON_ITS_WAY
        held = (held or now) if hindered else None
        if final or now - began > trial.patience or (held and now - held > _HELD_UP):
            return Heard(signal=final or last, image=image)
        await asyncio.sleep(_LOOK)


async def _sight(cluster: Cluster, there: dict[str, Any], clock: Clock) -> Sight:
    uid, nodes = there["metadata"]["uid"], None
    events, _ = await cluster.list(EVENTS, fields=f"involvedObject.uid={uid}")
    events.sort(key=lambda it: str(it.get("lastTimestamp") or it.get("eventTime") or ""))
    if not there["spec"].get("nodeName"):
        with suppress(Refusal):
            nodes, _ = await cluster.list(NODES)
    return Sight(pod=there, events=events, nodes=nodes, now=clock())


async def _ended(cluster: Cluster, there: dict[str, Any], image: str) -> Heard:
    """Return what a pod has found that has ended; one whose image has no Python has run as well."""
    node, name = str(there["spec"].get("nodeName", "")), there["metadata"]["name"]
    code, why = ended(there)
    if why is not None and why.code == "container-start":
        return Heard(node=node, image=image)
    if why is not None or code is None:
        return Heard(signal=why or Signal(code="start-timeout"), node=node, image=image)
    log = await cluster.log(name, container=pod.CONTAINER)
    for line in log.splitlines():
        if line.startswith(_MARK):
            with suppress(ValueError):
                return Heard(node=node, image=image, found=json.loads(line.removeprefix(_MARK)))
    return Heard(node=node, image=image)
