"""What a cluster says of one start, as signals: from its pod, its claim and their events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perijove.model.amounts import memory
from perijove.model.signal import Params, Signal
from perijove.spawners.kubernetes import images
from perijove.spawners.kubernetes.said import said
from perijove.spawners.kubernetes.scheduling import unschedulable

Thing = Mapping[str, Any]

_SLOW = timedelta(seconds=60)
_PULLED = {"Pulled", "Created", "Started", "Killing"}
_TERMINATED = {"OOMKilled": "out-of-memory", "Evicted": "evicted"}
_WAITING = {
    "CreateContainerConfigError": "container-config",
    "CreateContainerError": "container-start",
    "RunContainerError": "container-start",
    "StartError": "container-start",
    "ContainerCannotRun": "container-start",
}
_EVENTS = {
    "FailedMount": "volume-mount",
    "FailedAttachVolume": "volume-mount",
    "FailedCreatePodSandBox": "sandbox",
    "Unhealthy": "not-ready",
    "Evicted": "evicted",
    "TaintManagerEviction": "node-lost",
    "NodeNotReady": "node-lost",
    "Preempted": "preempted",
}
_REFUSED = {"ProvisioningFailed", "FailedBinding"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that is known of one start."""

    pod: Thing
    events: Sequence[Thing] = ()
    """Of the pod and of its claim, oldest first."""
    claim: Thing | None = None
    """The claim of its home; None: it has none, or it is not there."""
    nodes: Sequence[Thing] | None = None
    """None: we may not see them."""
    now: datetime


def signals(sight: Sight) -> tuple[Signal, ...]:
    """Return what is worth telling, oldest first; what holds things up now comes last."""
    happened = sorted(_happened(sight), key=lambda it: _order(it, sight.now))
    holding = list(_holding(sight))
    codes = {signal.code for signal in holding}
    return (*(it for it in happened if it.code not in codes), *holding)


def _order(signal: Signal, now: datetime) -> tuple[datetime, bool]:
    """Return where it stands among others: in one second a hindrance is the later.

    The scheduler tells smaller parts of a second than the kubelet, and may be heard after it.
    """
    return (signal.at or now).replace(microsecond=0), not signal.good


def moment(text: str | None) -> datetime | None:
    """Return a time as Kubernetes writes it (RFC 3339), or None."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def ended(pod: Thing) -> tuple[int | None, Signal | None]:
    """Return the exit code of a pod that has ended, and why it has, if it says so."""
    status = pod.get("status", {})
    code, reason = None, ""
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind, ()):
            last = container.get("state", {}).get("terminated")
            if not last or (kind.startswith("init") and last.get("exitCode") == 0):
                continue
            code, reason = last.get("exitCode"), str(last.get("reason", ""))
            at, name = moment(last.get("finishedAt")), str(container.get("name", ""))
            if reason in _WAITING:
                params: Params = {"why": said(last.get("message", ""))}
                return code, Signal(code=_WAITING[reason], params=params, terminal=True, at=at)
            if reason in _TERMINATED:
                params = {"limit": _limit(pod, name), "container": name}
                return code, Signal(code=_TERMINATED[reason], params=params, terminal=True, at=at)
            if kind.startswith("init"):
                params = {"container": name, "exit_code": code}
                return code, Signal(code="init-failed", params=params, terminal=True, at=at)
    why = str(status.get("reason", ""))
    if why in {"Evicted", "Preempting", "NodeShutdown", "NodeAffinity"}:
        params = {"why": said(status.get("message", ""))}
        return code, Signal(code="evicted", params=params, terminal=True)
    if why == "NodeLost":
        return code, _node_lost(pod, terminal=True)
    return code, None


def _happened(sight: Sight) -> Iterator[Signal]:
    """Yield what events tell and that is no hindrance, or no more."""
    for event in sight.events:
        at = moment(event.get("lastTimestamp") or event.get("eventTime"))
        reason, words = event.get("reason", ""), said(event.get("message"))
        if reason == "Scheduled":
            node = str(sight.pod.get("spec", {}).get("nodeName", ""))
            yield Signal(code="scheduled", params={"node": node}, good=True, at=at)
        elif reason == "Pulled":
            params: Params = {"image": _image(sight.pod)}
            yield Signal(code="image-pulled", params=params, good=True, at=at)
        elif reason == "TriggeredScaleUp":
            yield Signal(code="scaling-up", params={"why": words}, at=at)
        elif reason == "NotTriggerScaleUp":
            yield Signal(code="no-scale-up", params={"why": words}, at=at)
        elif reason == "ProvisioningSucceeded":
            yield Signal(code="volume-made", good=True, at=at)
        elif reason in _EVENTS:
            params = {"why": words, "node": str(sight.pod.get("spec", {}).get("nodeName", ""))}
            yield Signal(code=_EVENTS[reason], params=params, at=at)


def _holding(sight: Sight) -> Iterator[Signal]:
    """Yield what holds it up now; at most one of each kind."""
    pod = sight.pod
    if pod.get("status", {}).get("phase", "Pending") == "Pending":
        yield from _claim(sight)
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield from _unscheduled(sight, condition)
    if pod.get("spec", {}).get("nodeName"):
        yield from _containers(sight)
    lost = _not_ready(sight)
    if lost:
        yield lost


def _unscheduled(sight: Sight, condition: Thing) -> Iterator[Signal]:
    words, at = str(condition.get("message", "")), moment(condition.get("lastTransitionTime"))
    if condition.get("reason") == "SchedulingGated":
        yield Signal(code="gated", at=at)
        return
    if "persistentvolumeclaim" in words and "not found" in words:
        yield Signal(code="claim-missing", params={"why": said(words)}, at=at)
        return
    if "PersistentVolumeClaims" in words and sight.claim is None:
        yield Signal(code="claim-pending", params={"claim": "", "why": said(words)}, at=at)
        return
    if "PersistentVolumeClaims" not in words and "available persistent volumes" not in words:
        found = unschedulable(words, sight.pod, sight.nodes)
        yield Signal(code=found.code, params=found.params, terminal=found.terminal, at=at)


def _claim(sight: Sight) -> Iterator[Signal]:
    """Yield why the home has no volume; a class that waits for the first pod is no reason."""
    claim = sight.claim
    if claim is None or claim.get("status", {}).get("phase") != "Pending":
        if claim is not None and claim.get("status", {}).get("phase") == "Lost":
            yield Signal(code="claim-lost", params={"claim": _name(claim)}, terminal=True)
        return
    name = _name(claim)
    of_it = [it for it in sight.events if it.get("involvedObject", {}).get("name") == name]
    # A provisioner that has failed begins again; that it failed is worth more.
    event = _newest(of_it, _REFUSED) or _newest(of_it, {"Provisioning", "ExternalProvisioning"})
    if event is None:
        return
    words = str(event.get("message") or "")
    at = moment(event.get("lastTimestamp") or event.get("eventTime"))
    refused = event.get("reason") in _REFUSED
    code, terminal = _unbound(words) if refused else ("claim-pending", False)
    params: Params = {"claim": name, "why": said(words)}
    yield Signal(code=code, params=params, terminal=terminal, at=at)


def _unbound(words: str) -> tuple[str, bool]:
    if "storageclass" in words and "not found" in words:
        return "claim-class", True
    if "no storage class is set" in words:
        return "claim-unbound", True
    return "claim-refused", False


def _containers(sight: Sight) -> Iterator[Signal]:
    status = sight.pod.get("status", {})
    pulling = _newest(sight.events, {"Pulling"})
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind, ()):
            waiting = container.get("state", {}).get("waiting")
            if waiting:
                yield from _waiting(sight, container, waiting)
                return
    known = status.get("containerStatuses")
    if pulling and not known:
        yield from _pull(sight, _image(sight.pod), pulling)


def _waiting(sight: Sight, container: Thing, waiting: Thing) -> Iterator[Signal]:
    reason, image = waiting.get("reason", ""), str(container.get("image", ""))
    words = said(waiting.get("message"))
    failed = images.failed(waiting, image, images.told(sight.events))
    if failed:
        yield failed
    elif reason in _WAITING:
        yield Signal(code=_WAITING[reason], params={"why": words}, terminal=True)
    elif reason == "CrashLoopBackOff":
        before = container.get("lastState", {}).get("terminated", {})
        params: Params = {
            "exit_code": before.get("exitCode"),
            "restarts": container.get("restartCount", 0),
        }
        yield Signal(code="crash-loop", params=params, terminal=True)
    else:
        pulling = _newest(sight.events, {"Pulling", *_PULLED})
        if pulling and pulling.get("reason") == "Pulling":
            yield from _pull(sight, image, pulling)


def _pull(sight: Sight, image: str, pulling: Thing) -> Iterator[Signal]:
    at = moment(pulling.get("lastTimestamp") or pulling.get("eventTime"))
    slow = at is not None and sight.now - at > _SLOW
    yield Signal(code="image-slow" if slow else "image-pulling", params={"image": image}, at=at)


def _not_ready(sight: Sight) -> Signal | None:
    """Return that its node is gone, if somebody says so."""
    node = sight.pod.get("spec", {}).get("nodeName")
    for each in sight.nodes or ():
        if each["metadata"]["name"] != node:
            continue
        for condition in each.get("status", {}).get("conditions", ()):
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                return _node_lost(sight.pod, moment(condition.get("lastTransitionTime")))
    return None


def _node_lost(pod: Thing, at: datetime | None = None, *, terminal: bool = False) -> Signal:
    node = str(pod.get("spec", {}).get("nodeName", ""))
    return Signal(code="node-lost", params={"node": node}, terminal=terminal, at=at)


def _newest(events: Sequence[Thing], reasons: set[str]) -> Thing | None:
    return next((it for it in reversed(events) if it.get("reason") in reasons), None)


def _limit(pod: Thing, name: str) -> int | None:
    """Return the bytes of memory that the container may have, or None."""
    for container in pod.get("spec", {}).get("containers", ()):
        if container.get("name") == name:
            return memory(container.get("resources", {}).get("limits", {}).get("memory"))
    return None


def _image(pod: Thing) -> str:
    containers = pod.get("spec", {}).get("containers", ())
    return str(containers[0].get("image", "")) if containers else ""


def _name(thing: Thing) -> str:
    return str(thing["metadata"]["name"])
