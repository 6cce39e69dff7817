"""The control plane: etcd, API server, controller manager, scheduler and the cluster's DNS."""

import json
import textwrap

from tests.cluster.kit import api
from tests.cluster.kit.parts import Part, begin
from tests.cluster.kit.places import AUDIT, BIN, CONTROL, HOME, LOG, PKI, SERVICES, SPACE
from tests.cluster.kit.words import wait, write

ETCD = "http://127.0.0.1:2379"


def begin_all() -> None:
    """Start its parts, in the order in which they need each other."""
    _begin("etcd", *_etcd())
    _begin("apiserver", *_apiserver())
    wait("API server ready", api.ready, look=f"{LOG}/apiserver.log")
    _begin("controller-manager", *_controller_manager())
    _begin("scheduler", *_scheduler())
    _begin("coredns", *_dns())


def _begin(name: str, *command: str) -> None:
    begin(Part(name=name, command=list(command), space=SPACE))


def _etcd() -> list[str]:
    # What is stored dies with the cluster, so nothing waits for the disk.
    clients = [f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}"]
    peers = "--listen-peer-urls=http://127.0.0.1:2380"
    return ["etcd", f"--data-dir={HOME}/etcd", *clients, peers, "--unsafe-no-fsync"]


def _apiserver() -> list[str]:
    policy = HOME / "audit.json"
    rules = {"omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
    write(policy, json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **rules}))
    return [
        f"{BIN}/kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={PKI}/sa.pub",
        f"--service-account-signing-key-file={PKI}/sa.key",
        f"--tls-cert-file={PKI}/apiserver.crt",
        f"--tls-private-key-file={PKI}/apiserver.key",
        f"--client-ca-file={PKI}/ca.crt",
        f"--token-auth-file={PKI}/tokens.csv",
        f"--kubelet-client-certificate={PKI}/kubelet-client.crt",
        f"--kubelet-client-key={PKI}/kubelet-client.key",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--advertise-address={CONTROL}",
        f"--bind-address={CONTROL}",
        f"--cert-dir={HOME}/apiserver",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={AUDIT}",
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
        # Debian's etcd 3.4 cannot serve it: kwok would see pods half a minute late, when it lists.
        "--feature-gates=WatchList=false",
    ]


def _controller_manager() -> list[str]:
    # Without the rates, 20 requests a second is all that it asks.
    return [
        f"{BIN}/kube-controller-manager",
        f"--kubeconfig={PKI}/cm.kubeconfig",
        "--leader-elect=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--use-service-account-credentials=true",
        f"--root-ca-file={PKI}/ca.crt",
        f"--service-account-private-key-file={PKI}/sa.key",
        f"--cert-dir={HOME}/cm",
        "--bind-address=127.0.0.1",
    ]


def _scheduler() -> list[str]:
    # Without the rates, 50 bindings a second is all there is.
    config = f"{PKI}/sched.kubeconfig"
    return [
        f"{BIN}/kube-scheduler",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--leader-elect=false",
        "--kube-api-qps=2000",
        "--kube-api-burst=4000",
        f"--cert-dir={HOME}/sched",
        "--bind-address=127.0.0.1",
    ]


def _dns() -> list[str]:
    corefile = HOME / "Corefile"
    write(
        corefile,
        textwrap.dedent(f"""\
            .:53 {{
                bind {CONTROL}
                errors
                kubernetes cluster.local in-addr.arpa {{
                    kubeconfig {PKI}/admin.kubeconfig test
                }}
                cache 5
            }}
            """),
    )
    return [f"{BIN}/coredns", "-conf", str(corefile)]
