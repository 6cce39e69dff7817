"""How the kit itself talks to its API server: whether it is ready, and through kubectl."""

import json
import ssl
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cluster.kit.certificates import ADMIN_TOKEN
from tests.cluster.kit.places import API, BIN, KUBECONFIG, PKI
from tests.cluster.kit.words import run


def ready() -> bool:
    """Return whether the API server says that it is ready."""
    request = urllib.request.Request(
        f"{API}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
    )
    try:
        trust = ssl.create_default_context(cafile=str(PKI / "ca.crt"))
        with urllib.request.urlopen(request, timeout=2, context=trust) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def kubectl(
    *words: str, check: bool = True, stdin: str | None = None, kubeconfig: Path = KUBECONFIG
) -> str:
    """Return what kubectl printed, asked as the administrator."""
    asked = (f"--kubeconfig={kubeconfig}", *words)
    return run(BIN / "kubectl", *asked, check=check, stdin=stdin)


def apply(objects: Iterable[dict[str, Any]]) -> None:
    """Make objects, or make them so."""
    kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, objects)))


def ready_nodes() -> set[str]:
    """Return the names of the nodes that are Ready."""
    rows = kubectl("get", "nodes", "--no-headers", check=False).splitlines()
    return {row.split()[0] for row in rows if row.split()[1:2] == ["Ready"]}
