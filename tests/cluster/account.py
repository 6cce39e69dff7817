"""An account of the cluster with a Role of its own, and kubeconfigs that speak for whoever."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from perijove.spawners.kubernetes.rights import Right
from tests.cluster.kubectl import Kubectl


def account(kubectl: Kubectl, name: str, rights: Collection[Right]) -> str:
    """Make an account of the namespace that has these rights; return a token of it."""
    rules = [
        {"apiGroups": [it.group], "resources": [it.resource], "verbs": [it.verb]} for it in rights
    ]
    rbac: dict[str, Any] = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    metadata = {"name": name}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {**rbac, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            **rbac,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
    )
    first = next(iter(rights))
    who = f"--as=system:serviceaccount:{kubectl.namespace}:{name}"
    asked = ("auth", "can-i", first.verb, first.resource, who)
    kubectl.until(f"{name} has rights", lambda: "yes" in kubectl(*asked, check=False))
    return kubectl("create", "token", name, "--duration=15m").strip()


def speaking(kubectl: Kubectl, file: Path, token: str, **cluster: str) -> Path:
    """Write a kubeconfig that shows `token`; `cluster` replaces what it says of the API server."""
    whole = kubectl.json("config", "view", "--raw", "--flatten", "--minify")
    whole["users"] = [{"name": "it", "user": {"token": token}}]
    whole["contexts"][0]["context"] |= {"user": "it", "namespace": kubectl.namespace}
    whole["clusters"][0]["cluster"] |= cluster
    file.write_text(json.dumps(whole))
    return file
