"""Pod -> Observation. Pure: what a pod looks like is said by its own fields alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perijove.model.signal import Params, Signal
from perijove.model.workload import Observation, State
from perijove.spawners.kubernetes.labels import INSTANCE, origin_of
from perijove.spawners.kubernetes.names import label
from perijove.spawners.kubernetes.pod import CONTAINER, PORT
from perijove.spawners.kubernetes.said import said
from perijove.spawners.kubernetes.signals import Sight, ended, signals

_DISRUPTED = {
    "PreemptionByScheduler": "preempted",
    "DeletionByTaintManager": "node-lost",
    "DeletionByPodGC": "node-lost",
    "EvictionByEvictionAPI": "evicted",
}
"""By the reason of DisruptionTarget, which is set before such a pod is deleted (API, core/v1)."""


def observation(sight: Sight, instance: str) -> Observation:
    """Return how the pod of `sight` is."""
    pod = sight.pod
    origin = origin_of(pod)
    if origin is None or not ours(pod, instance):
        return Observation(state=State.FOREIGN, origin=origin)
    found = signals(sight)
    seen = Observation(state=State.PENDING, origin=origin, signals=found, facts=_facts(pod))
    phase = pod.get("status", {}).get("phase", "Pending")
    notebook = _notebook(pod)
    if pod["metadata"].get("deletionTimestamp"):
        # It goes, and what it still does is no matter: whoever had not asked for that is told.
        state = State.UP if "running" in notebook.get("state", {}) else State.PENDING
        return replace(seen, state=state, signals=(*found, _deleted(pod, found)))
    if phase in {"Succeeded", "Failed"} or "terminated" in notebook.get("state", {}):
        code, why = ended(pod)
        told = (*found, why) if why else found
        return replace(seen, state=State.EXITED, exit_code=code, signals=told)
    if "running" in notebook.get("state", {}):
        # What befalls a container beside it is told, and is no reason to end who works.
        told = tuple(replace(signal, terminal=False) for signal in found)
        return replace(seen, state=State.UP, address=_address(pod), signals=told)
    return seen


def ours(thing: Mapping[str, Any], instance: str) -> bool:
    """Return whether this instance has made it."""
    labels = thing["metadata"].get("labels") or {}
    return bool(labels.get(INSTANCE) == label(instance))


def _notebook(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((it for it in statuses if it.get("name") == CONTAINER), {})


def _address(pod: Mapping[str, Any]) -> str | None:
    ip = pod.get("status", {}).get("podIP")
    if not ip:
        return None
    return f"http://[{ip}]:{PORT}" if ":" in ip else f"http://{ip}:{PORT}"


def _deleted(pod: Mapping[str, Any], found: tuple[Signal, ...]) -> Signal:
    """Return why a pod is on its way out that we may not have asked to go."""
    node = str(pod.get("spec", {}).get("nodeName", ""))
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            code = _DISRUPTED.get(str(condition.get("reason")), "evicted")
            params: Params = {"node": node, "why": said(condition.get("message"))}
            return Signal(code=code, params=params, terminal=True)
    lost = next((it for it in found if it.code in {"node-lost", "evicted", "preempted"}), None)
    if lost:
        return replace(lost, terminal=True)
    return Signal(code="pod-deleted", params={"node": node}, terminal=True)


def _facts(pod: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Return what it was really given, for the phase log."""
    spec, notebook = pod.get("spec", {}), _notebook(pod)
    facts: dict[str, str | int | float] = {"uid": str(pod["metadata"].get("uid", ""))}
    if spec.get("nodeName"):
        facts["node"] = str(spec["nodeName"])
    if notebook.get("imageID"):
        facts["image"] = str(notebook["imageID"])
    for container in spec.get("containers", ()):
        if container.get("name") == CONTAINER:
            for kind, amounts in container.get("resources", {}).items():
                facts |= {f"{kind}.{name}": it for name, it in amounts.items()}
    return facts
