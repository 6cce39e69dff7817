"""Where the cluster has its files, its addresses, and which versions it is made of."""

import os
from pathlib import Path

KUBERNETES = "1.34.4"
CACHE = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache/perijove-cluster")).resolve()
"""What is dear to make and outlives a clone: binaries, the base image, images as files."""
BIN = Path(os.environ.get("CLUSTER_BIN", CACHE / KUBERNETES)).resolve()
HOME = Path(os.environ.get("CLUSTER_HOME", "/var/lib/perijove-cluster"))
RUN = Path("/run/perijove-cluster")
LOCK = Path("/run/perijove-cluster.lock")
LOG, PKI, VOLUMES = HOME / "log", HOME / "pki", HOME / "volumes"
AUDIT = LOG / "audit.log"
KUBECONFIG = PKI / "admin.kubeconfig"

NET = "172.31.254"
CONTROL, HOST = f"{NET}.1", f"{NET}.254"
API = f"https://{CONTROL}:6443"
SERVICES, PODS = "10.96.0.0/16", "10.244.0.0/16"
REGISTRY = f"{HOST}:5099"
"""Where nodes take plain HTTP for an answer: a registry that a test plays on this machine."""
SPACE = "pj-cp"
"""The network namespace of the control plane; that of node 1 is `pj-n1`."""
MOST_NODES = 3


def address(node: int) -> str:
    """Return the address of a node, counted from 1."""
    return f"{NET}.{10 + node}"


def socket(node: str) -> Path:
    """Return where the containerd of a node (`n1`) listens."""
    return RUN / node / "containerd.sock"
