"""Obstacles: what a scene puts into a cluster for servers to fall over, and clears away again."""

import json
from functools import partial
from typing import Any

from tests.cluster.kit.fake_nodes import MARK, SIZE
from tests.cluster.kubectl import Kubectl

_LABEL = "perijove.test/scene"
_KINDS = "nodes,storageclasses,runtimeclasses,priorityclasses,persistentvolumes"
_CORE = "v1"


def put(kubectl: Kubectl, narrow: Kubectl) -> None:
    """Put them there: fake nodes, classes, claims and quotas; `narrow` is the poorer namespace."""
    name = kubectl.namespace
    kubectl.apply(*_everywhere(name), _namespace(name), _namespace(narrow.namespace))
    for node in _nodes(name):
        kubectl("create", "-f", "-", stdin=json.dumps(node))
    for here in (kubectl, narrow):
        here.until("default service account", partial(_has_account, here))
    kubectl.apply(*_claims(name), _quota(), _holder())
    narrow.apply(_range())


def clear(cluster: Kubectl, name: str) -> None:
    """Clear away all that `put` has put, and every pod."""
    for space in (name, f"{name}-narrow"):
        there = cluster.within(space)
        there("delete", "pods", "--all", "--force", "--grace-period=0", check=False)
        there("delete", "namespace", space, "--wait=false", "--ignore-not-found", check=False)
    cluster("delete", _KINDS, f"--selector={_LABEL}={name}", "--wait=false", check=False)


def _has_account(kubectl: Kubectl) -> bool:
    return "default" in kubectl("get", "serviceaccount", "default", "--ignore-not-found")


def _namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    return _object("Namespace", name, labels=labels)


def _object(kind: str, name: str, version: str = _CORE, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "labels": more.pop("labels", {}), **more.pop("meta", {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **more}


def _everywhere(name: str) -> list[dict[str, Any]]:
    """Return what is in no namespace."""
    mark = {_LABEL: name}
    nowhere = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": ["a-machine-that-is-no-more"],
    }
    far: dict[str, Any] = {
        "capacity": {"storage": "10Mi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": f"{name}-far",
        "local": {"path": "/nowhere"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [nowhere]}]}},
    }
    nobody = {"provisioner": "perijove.test/nobody", "volumeBindingMode": "Immediate"}
    return [
        _object("StorageClass", name, "storage.k8s.io/v1", labels=mark, **nobody),
        _object("RuntimeClass", name, "node.k8s.io/v1", labels=mark, handler="nothing"),
        _object("PriorityClass", name, "scheduling.k8s.io/v1", labels=mark, value=1000),
        _object("PersistentVolume", f"{name}-far", labels=mark, spec=far),
    ]


def _nodes(name: str) -> list[dict[str, Any]]:
    """Return fake nodes."""
    played = {"annotations": MARK}
    return [
        _node(name, "played", meta=played),
        _node(name, "cordoned", meta=played, cordoned=True),
        _node(name, "full", meta=played, status={"allocatable": {**SIZE, "pods": "0"}}),
    ]


def silent(name: str, which: str) -> dict[str, Any]:
    """Return a node whose kubelet nobody plays: what is on it stays as it is."""
    ready = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    return _node(name, which, status={"allocatable": SIZE, "conditions": ready})


def _node(name: str, which: str, *, cordoned: bool = False, **more: Any) -> dict[str, Any]:
    it = f"{name}-{which}"
    taints = [{"key": "kwok", "value": "true", "effect": "NoSchedule"}]
    labels = {_LABEL: name, "kubernetes.io/hostname": it}
    spec = {"taints": taints, **({"unschedulable": True} if cordoned else {})}
    status = more.pop("status", {"allocatable": SIZE})
    status["capacity"] = status["allocatable"]
    return _object("Node", it, labels=labels, spec=spec, status=status, **more)


def _claims(name: str) -> list[dict[str, Any]]:
    """Return claims that are there before a hub could make them."""
    mine = {"labels": {"component": "singleuser-storage"}}
    bound = {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    taken = {"annotations": {"hub.jupyter.org/username": "somebody-else"}}
    of_far = {"storageClassName": f"{name}-far", "volumeName": f"{name}-far"}
    return [
        _claim("far", **of_far),
        _claim("claim-claim-lost", meta={**mine, **bound}, volumeName=f"{name}-gone"),
        _claim("claim-claim-taken", meta={**mine, **taken}),
    ]


def _claim(name: str, **more: Any) -> dict[str, Any]:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    meta = more.pop("meta", {})
    return _object("PersistentVolumeClaim", name, meta=meta, spec={**size, **more})


def _quota() -> dict[str, Any]:
    hard = {"requests.example.com/chip": "2"}
    return _object("ResourceQuota", "chips", spec={"hard": hard})


def _holder() -> dict[str, Any]:
    """Return a pod that holds all of the quota and runs nowhere."""
    limits = {"limits": {"example.com/chip": "2"}}
    container = {"name": "main", "image": "any", "resources": limits}
    return _object("Pod", "holder", spec={"containers": [container]})


def _range() -> dict[str, Any]:
    kind = {
        "type": "Container",
        "max": {"memory": "1Gi"},
        "default": {"memory": "64Mi"},
        "defaultRequest": {"memory": "16Mi"},
    }
    return _object("LimitRange", "range", spec={"limits": [kind]})
