"""Who is who in the cluster: its authority, certificates, tokens and kubeconfigs."""

import json
import shutil
import time

from tests.cluster.kit.places import API, CONTROL, MOST_NODES, PKI, address
from tests.cluster.kit.words import run, write

DAYS = 365
NODES = [f"n{node}" for node in range(1, MOST_NODES + 1)]
ACCOUNTS = {
    "admin": ("admin", "system:masters"),
    "cm": ("system:kube-controller-manager", ""),
    "sched": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    **{node: (f"system:node:{node}", "system:nodes") for node in NODES},
}
"""Whom a token names: a user and a group. Each has a kubeconfig `<key>.kubeconfig`."""
ADMIN_TOKEN = "admin-token"
_SERVICE = "kubernetes.default.svc"
NAMES = {
    "apiserver": f"DNS:kubernetes,DNS:kubernetes.default,DNS:{_SERVICE},"
    f"DNS:{_SERVICE}.cluster.local,DNS:localhost,IP:10.96.0.1,IP:{CONTROL},IP:127.0.0.1",
    "kubelet-client": "DNS:kubelet-client",
    **{f"n{i}": f"DNS:n{i},IP:{address(i)}" for i in range(1, MOST_NODES + 1)},
}
"""The alternative names in each certificate."""


def make() -> None:
    """Make all of it once; a year lasts, so what is older than ten months is made anew."""
    done = PKI / "done"
    if done.exists() and time.time() - done.stat().st_mtime < 300 * 86400:
        return
    shutil.rmtree(PKI, ignore_errors=True)
    PKI.mkdir(parents=True, mode=0o700)
    _authority()
    for name, names in NAMES.items():
        _certificate(name, names)
    rows = [f"{key}-token,{user},{key},{group}" for key, (user, group) in ACCOUNTS.items()]
    write(PKI / "tokens.csv", "\n".join(rows) + "\n", 0o600)
    for key in ACCOUNTS:
        _kubeconfig(key)
    done.touch()


def _authority() -> None:
    subject = ("-subj", "/CN=perijove-test-ca", "-keyout", PKI / "ca.key", "-out", PKI / "ca.crt")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(DAYS))
    run(*request, *subject)
    run("openssl", "genrsa", "-out", PKI / "sa.key", "2048")
    run("openssl", "rsa", "-in", PKI / "sa.key", "-pubout", "-out", PKI / "sa.pub")


def _certificate(name: str, names: str) -> None:
    masters = "/O=system:masters/CN=kube-apiserver-kubelet-client"
    subject = masters if name == "kubelet-client" else f"/CN={name}"
    key, request, extra = PKI / f"{name}.key", PKI / f"{name}.csr", PKI / f"{name}.ext"
    fresh = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject)
    run(*fresh, "-keyout", key, "-out", request)
    write(extra, f"subjectAltName={names}\n")
    signer = ("-CA", PKI / "ca.crt", "-CAkey", PKI / "ca.key", "-CAcreateserial")
    sign = ("openssl", "x509", "-req", "-in", request, *signer, "-days", str(DAYS))
    run(*sign, "-extfile", extra, "-out", PKI / f"{name}.crt")


def _kubeconfig(key: str) -> None:
    authority = {"server": API, "certificate-authority": str(PKI / "ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": authority}],
        "users": [{"name": key, "user": {"token": f"{key}-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": key}}],
    }
    write(PKI / f"{key}.kubeconfig", json.dumps(config, indent=1), 0o600)
