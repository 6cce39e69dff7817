"""Nodes whose pods are only played (kwok): for numbers, and for the graphics cards nobody has."""

from typing import Any

from tests.cluster.kit import api
from tests.cluster.kit.parts import Part, begin
from tests.cluster.kit.places import BIN, CONTROL, KUBECONFIG, SPACE

SIZE = {"cpu": "64", "memory": "256Gi", "pods": "500", "nvidia.com/gpu": "8"}
"""Of each; all are tainted `kwok=true:NoSchedule` and labelled `type=kwok`."""
MARK = {"kwok.x-k8s.io/node": "fake"}


def begin_all(count: int) -> None:
    """Start the player and make `count` nodes, `kwok-1` and on; those that are there stay."""
    chosen = ",".join(f"{key}={value}" for key, value in MARK.items())
    command = [f"{BIN}/kwok", f"--kubeconfig={KUBECONFIG}", "--manage-all-nodes=false"]
    command += [f"--manage-nodes-with-annotation-selector={chosen}"]
    command += [f"--node-ip={CONTROL}", "--cidr=10.250.0.0/16"]
    # Without leases the nodes go NotReady after 40 s.
    command += ["--node-lease-duration-seconds=40"]
    begin(Part(name="kwok", command=command, space=SPACE))
    api.apply(_node(f"kwok-{number}") for number in range(1, count + 1))


def _node(name: str) -> dict[str, Any]:
    labels = {"type": "kwok", "kubernetes.io/hostname": name}
    taint = {"key": "kwok", "value": "true", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": MARK, "labels": labels},
        "spec": {"taints": [taint]},
        "status": {"allocatable": SIZE, "capacity": SIZE},
    }
