"""Troubles: a profile for each thing that can go wrong with a start, and what must be told of it.

`$NS` stands for the name of the namespace, `$REGISTRY` for the broken registry.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cluster import obstacles
from tests.cluster.kubectl import Kubectl

Deed = Callable[[Kubectl, str], None]
"""Something that befalls a pod after it is there: kubectl in its namespace, its name."""
PLAYED = {"key": "kwok", "operator": "Exists"}
SOON = 15.0
_SH = ("sh", "-c")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One start that goes wrong."""

    code: str
    name: str = ""
    """Of its person, its profile and its pod; the code if there is only one."""
    override: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ends: bool = False
    """Whether the start fails, rather than waits."""
    says: tuple[str, ...] = ()
    """What a person is told of this case, beside the sentence."""
    why: str = ""
    """What an administrator is told in the words of Kubernetes."""
    within: float = SOON
    """Seconds from the start, or from `deed`."""
    before: Deed | None = None
    """What must be there just before the start."""
    deed: Deed | None = None
    place: str = "open"
    """`open` or `narrow`: which hub of the scene starts it."""
    calm: float = 0
    """Seconds for which a page takes it as nothing unusual."""
    page: bool = True
    """Whether its page is read: that of a server which may have begun to answer is its own."""
    smoke: bool = False

    @property
    def person(self) -> str:
        return self.name or self.code

    def profile(self) -> dict[str, Any]:
        """Return it as an item of `singleuser.profileList`."""
        return {
            "display_name": self.person,
            "slug": self.person,
            "kubespawner_override": dict(self.override),
        }


def runs(*command: str, **more: Any) -> dict[str, Any]:
    """Return the override of a container that runs another command."""
    return {"extra_container_config": {"command": list(command), **more}}


def shell(line: str) -> dict[str, Any]:
    return runs(*_SH, line)


def image(name: str, **more: Any) -> dict[str, Any]:
    """Return the override of an image of the broken registry, whose nodes take plain HTTP."""
    return {
        "image": f"$REGISTRY/{name}",
        "node_selector": {"kubernetes.io/hostname": "n2"},
        **more,
    }


def played(node: str, **more: Any) -> dict[str, Any]:
    """Return the override of a pod that is meant for a fake node of the scene."""
    chosen = {"node_selector": {"kubernetes.io/hostname": f"$NS-{node}"}}
    return {"tolerations": [PLAYED], **chosen, **more}


def volume(**source: Any) -> dict[str, Any]:
    """Return the override of a pod with one more volume."""
    mount = {"name": "more", "mountPath": "/more"}
    return {"volumes": {"more": {"name": "more", **source}}, "volume_mounts": {"more": mount}}


def of_claim(name: str) -> dict[str, Any]:
    return volume(persistentVolumeClaim={"claimName": name})


def home(**more: Any) -> dict[str, Any]:
    """Return the override of a server with a claim of its own."""
    own = of_claim("{pvc_name}")
    return {"storage_pvc_ensure": True, "storage_capacity": "10Mi", **own, **more}


def node_of(kubectl: Kubectl, pod: str) -> str:
    """Return the node of a pod, once there is one."""
    asked = ("get", "pod", pod, "--output=jsonpath={.spec.nodeName}")
    kubectl.until(f"{pod} has a node", lambda: bool(kubectl(*asked)))
    return kubectl(*asked)


def deleted(kubectl: Kubectl, pod: str) -> None:
    kubectl("delete", "pod", pod, "--wait=false")


def drained(kubectl: Kubectl, pod: str) -> None:
    body = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}})
    road = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}/eviction"
    kubectl("create", "--raw", road, "-f", "-", stdin=body)


def displaced(kubectl: Kubectl, pod: str) -> None:
    """Send a more important pod to the same node, which has no room for both."""
    node = node_of(kubectl, pod)
    most = {"name": "main", "image": "any", "resources": {"requests": {"cpu": "40"}}}
    chosen = {"kubernetes.io/hostname": node}
    kubectl.apply({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"before-{pod}"},
        "spec": {"containers": [most], "nodeSelector": chosen, "tolerations": [PLAYED],
                 "priorityClassName": kubectl.namespace},
    })  # fmt: skip


def a_node(kubectl: Kubectl, pod: str) -> None:
    """Make the node that a pod is meant for; in 40 s somebody misses its kubelet."""
    node = obstacles.silent(kubectl.namespace, pod.removeprefix("jupyter-"))
    kubectl("create", "-f", "-", stdin=json.dumps(node))


def silenced(kubectl: Kubectl, pod: str) -> None:
    """Let the node of a pod fall silent, as the controller of nodes writes it down."""
    node = node_of(kubectl, pod)
    silent = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    told = json.dumps({"status": {"conditions": [silent]}})
    kubectl("patch", "node", node, "--subresource=status", "--patch", told)


def scaler(reason: str, words: str) -> Deed:
    """Return what posts an event as the cluster autoscaler does, for none runs here."""

    def post(kubectl: Kubectl, pod: str) -> None:
        uid = kubectl.json("get", "pod", pod)["metadata"]["uid"]
        about = {"kind": "Pod", "namespace": kubectl.namespace, "name": pod, "uid": uid}
        at = kubectl("get", "pod", pod, "--output=jsonpath={.metadata.creationTimestamp}")
        kubectl.apply({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{pod}.scaler"},
            "involvedObject": about, "reason": reason, "message": words, "type": "Normal",
            "source": {"component": "cluster-autoscaler"}, "lastTimestamp": at,
        })  # fmt: skip

    return post
