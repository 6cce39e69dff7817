"""Why the scheduler finds no machine for a pod, from its sentence and from what machines have.

The sentence is that of kube-scheduler: `0/3 nodes are available: 1 Insufficient memory,
2 node(s) had untolerated taint {gpu: true}. preemption: …`
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from perijove.model.signal import Params, Signal
from perijove.spawners.kubernetes.amounts import quantity
from perijove.spawners.kubernetes.said import said

_SHORT = re.compile(r"\d+ Insufficient (\w[\w./-]*\w)")
_TAINT = re.compile(r"untolerated taint(?:\(s\))? ?(\{[^}]*\})?")
_NODES = re.compile(r"\d+/(\d+) nodes are available")
_PLAIN = (
    ("no-room-selector", "didn't match Pod's node affinity/selector"),
    ("no-room-volume", "volume node affinity conflict"),
    ("no-room-pods", "Too many pods"),
    ("no-room-busy", "were unschedulable"),
)
_COUNTED = {"cpu": "no-room-cpu", "memory": "no-room-memory", "pods": "no-room-pods"}
_ORDER = ("memory", "cpu", "ephemeral-storage", "pods")
_MOST = 12


def unschedulable(
    words: str, pod: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]] | None
) -> Signal:
    """Return why, as one signal. `nodes`: what there is; None: we may not see it."""
    why = said(words)
    short = set(_SHORT.findall(words))
    extra = sorted(short - set(_ORDER))
    if extra:
        return _extended(extra[0], why, pod, nodes)
    for resource in _ORDER:
        if resource in short:
            code = _COUNTED.get(resource, "no-room-resource")
            params: Params = {"resource": resource, "wanted": wanted(pod, resource), "why": why}
            return Signal(code=code, params=params)
    for code, phrase in _PLAIN:
        if phrase in words:
            return Signal(code=code, params={"why": why, "nodes": _count(words)})
    taints = sorted({found for found in _TAINT.findall(words) if found})
    if _TAINT.search(words):
        return Signal(code="no-room-taint", params={"taints": ", ".join(taints), "why": why})
    return Signal(code="no-room", params={"why": why})


def wanted(pod: Mapping[str, Any], resource: str) -> str:
    """Return how much of `resource` the containers of `pod` ask for, as it was written."""
    for container in pod.get("spec", {}).get("containers", ()):
        resources = container.get("resources", {})
        for kind in ("requests", "limits"):
            if resource in resources.get(kind, {}):
                return str(resources[kind][resource])
    return ""


def _extended(
    resource: str, why: str, pod: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]] | None
) -> Signal:
    params: dict[str, str | float | None] = {
        "resource": resource,
        "wanted": wanted(pod, resource),
        "why": why,
    }
    if nodes is None:
        return Signal(code="no-room-gpu-unseen", params=params)
    have = {
        node["metadata"]["name"]: node.get("status", {}).get("allocatable", {}).get(resource)
        for node in nodes
    }
    found = [f"{name}: {amount}" for name, amount in sorted(have.items()) if _some(amount)]
    if not found:
        return Signal(code="no-room-gpu-none", params={**params, "nodes": len(have)})
    listed = ", ".join(found[:_MOST]) + (" …" if len(found) > _MOST else "")
    return Signal(code="no-room-gpu", params={**params, "nodes": listed})


def _some(amount: str | None) -> bool:
    try:
        return amount is not None and quantity(amount) > 0
    except ValueError:
        return False


def _count(words: str) -> int:
    found = _NODES.search(words)
    return int(found[1]) if found else 0
