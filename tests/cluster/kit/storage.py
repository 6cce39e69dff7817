"""The default StorageClass `local-path`: a folder a claim, on the node where its first pod runs."""

import json
from typing import Any

from tests.cluster.kit import api, tiny
from tests.cluster.kit.parts import Part, begin
from tests.cluster.kit.places import BIN, HOME, KUBECONFIG, SPACE, VOLUMES
from tests.cluster.kit.words import write

NAMESPACE, CLASS = "local-path-storage", "local-path"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


def begin_all() -> None:
    """Make its objects and start the provisioner."""
    paths = [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(VOLUMES)]}]
    tasks = {"setupCommand": tiny.COMMAND, "teardownCommand": tiny.COMMAND}
    config = HOME / "local-path.json"
    write(config, json.dumps({"nodePathMap": paths, **tasks}))
    api.apply(_objects(config.read_text()))
    command = [f"{BIN}/local-path-provisioner", "start", "--kubeconfig", str(KUBECONFIG)]
    command += ["--namespace", NAMESPACE, "--config", str(config)]
    command += ["--service-account-name", "provisioner", "--configmap-name", "local-path-config"]
    environment = {"POD_NAMESPACE": NAMESPACE}
    begin(Part(name="local-path", command=command, space=SPACE, environment=environment))


def _objects(config: str) -> list[dict[str, Any]]:
    container = {"name": "helper", "image": tiny.IMAGE, "imagePullPolicy": "IfNotPresent"}
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "containers": [{**container, "securityContext": {"runAsUser": 0}}],
        },
    }
    data = {"config.json": config, "helperPod.yaml": json.dumps(helper)}
    about = {"namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "provisioner", **about},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "local-path-config", **about},
            "data": data,
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": CLASS, "annotations": DEFAULT},
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ]
