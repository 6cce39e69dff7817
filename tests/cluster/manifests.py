"""The objects that tests of the cluster itself make: pods of the stub image, a claim, a Service."""

from pathlib import Path
from typing import Any

from tests.cluster.kit.images import STUB


def pod(name: str, *command: str, image: str = STUB.tag, **spec: Any) -> dict[str, Any]:
    """Return a pod with one container `main`; without a command it runs its own server."""
    container: dict[str, Any] = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(command)} if command else {}),
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            **spec,
        },
    }


def claim(name: str, size: str = "10Mi") -> dict[str, Any]:
    """Return a claim of the default StorageClass."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def service(name: str, port: int, kind: str = "ClusterIP") -> dict[str, Any]:
    """Return a Service for the pods that are labelled with its name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": port}]},
    }


def shared_folder(claim: str, namespace: str, folder: Path) -> tuple[dict[str, Any], ...]:
    """Return a claim, and its volume: a folder that every node sees, as one of NFS is seen."""
    amount, modes = {"storage": "1Gi"}, ["ReadWriteMany"]
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            "capacity": amount,
            "accessModes": modes,
            "storageClassName": "",
            "hostPath": {"path": str(folder)},
            "claimRef": {"name": claim, "namespace": namespace},
        },
    }
    wanted = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim},
        "spec": {
            "accessModes": modes,
            "storageClassName": "",
            "volumeName": namespace,
            "resources": {"requests": amount},
        },
    }
    return volume, wanted
