"""Why the scheduler finds no machine for a pod, from its sentence and from what machines have.

The sentence is that of kube-scheduler: `0/3 nodes are available: 1 Insufficient memory,
2 node(s) had untolerated taint {gpu: true}. preemption: …`
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from perijove.model.signal import Params, Signal
from perijove.spawners.amounts import quantity
from perijove.spawners.kubernetes.said import said

_SHORT = re.compile(r"Insufficient (\w[\w./-]*\w)")
_TAINT = re.compile(r"untolerated taint(?:\(s\))? ?(\{[^}]*\})?")
_NODES = re.compile(r"\d+/(\d+) nodes are available")
_ANOTHER = re.compile(r", (?=\d+ )")
_PLAIN = {
    "didn't match Pod's node affinity/selector": "no-room-selector",
    "volume node affinity conflict": "no-room-volume",
    "didn't match PersistentVolume's node affinity": "no-room-volume",
    "Too many pods": "no-room-pods",
    "were unschedulable": "no-room-busy",
    "untolerated taint": "no-room-taint",
}
_FIRST = ("no-room-pods", "no-room-volume", "no-room")
_LAST = ("no-room-busy", "no-room-selector", "no-room-taint")
"""Of machines that may not have been meant at all; what any other lacks is worth more."""
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
    code = _code(words, pod, nodes)
    if code == "no-room-taint":
        taints = ", ".join(sorted({it for it in _TAINT.findall(words) if it}))
        return Signal(code=code, params={"taints": taints, "why": why})
    return Signal(code=code, params={"nodes": _count(words), "why": why})


def _code(words: str, pod: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]] | None) -> str:
    """Return what to call it that no machine fits, where none is short of anything.

    Of each machine the scheduler tells only what it found first: that it is closed, then that it
    is kept for others, then that it is of another kind.
    """
    listed = words.partition(" available: ")[2].partition(". ")[0]
    found = {_reason(it) for it in _ANOTHER.split(listed)}
    kind = _of_that_kind(pod, nodes)
    if kind is not None and "no-room-selector" in found:
        found -= {"no-room-selector"} if kind else set(_LAST) - {"no-room-selector"}
        if not any(it.get("spec", {}).get("unschedulable") for it in kind):
            found.discard("no-room-busy")
    return next((it for it in (*_FIRST, *_LAST) if it in found), "no-room")


def _reason(words: str) -> str:
    return next((code for phrase, code in _PLAIN.items() if phrase in words), "no-room")


def _of_that_kind(
    pod: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]] | None
) -> list[Mapping[str, Any]] | None:
    """Return the machines with the labels that `pod` asks for.

    None: it asks for none, or we may not see them.
    """
    labels = pod.get("spec", {}).get("nodeSelector") or {}
    if nodes is None or not labels:
        return None
    return [it for it in nodes if labels.items() <= (it["metadata"].get("labels") or {}).items()]


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
