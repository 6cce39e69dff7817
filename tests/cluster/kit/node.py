"""A node: a containerd, a kubelet and a kube-proxy in a network namespace of their own."""

import json
from pathlib import Path
from typing import Any

from tests.cluster.kit import cgroups, store, tiny
from tests.cluster.kit.parts import Part, begin
from tests.cluster.kit.places import (
    BIN,
    CONTROL,
    HOME,
    LOG,
    PKI,
    PODS,
    REGISTRY,
    RUN,
    address,
    socket,
)
from tests.cluster.kit.words import succeeds, wait, write

CNI = "/usr/lib/cni"
_CRI = 'plugins."io.containerd.grpc.v1.cri"'
_IDLE = ", ".join(
    f'"io.containerd.snapshotter.v1.{it}"' for it in ("btrfs", "zfs", "aufs", "devmapper")
)


def begin_all(number: int) -> None:
    """Start the parts of node `number`, counted from 1."""
    name, space = f"n{number}", f"pj-n{number}"
    for folder in ("kubelet", "containerd"):
        (HOME / name / folder).mkdir(parents=True, exist_ok=True)
    (RUN / name).mkdir(parents=True, exist_ok=True)
    write(HOME / name / "cni/10-ptp.conflist", json.dumps(_pod_network(number)))
    write(HOME / name / "registries" / REGISTRY / "hosts.toml", _registry())
    config = HOME / name / "containerd.toml"
    write(config, _containerd(name))
    runtime = ["containerd", "--config", str(config)]
    begin(Part(name=f"{name}-containerd", command=runtime, space=space))
    asked = ("ctr", "-a", socket(name), "version")
    wait(f"{name} containerd", lambda: succeeds(*asked), look=f"{LOG}/{name}-containerd.log")
    store.load(name, tiny.archive())
    begin(Part(name=f"{name}-kubelet", command=_kubelet(number), space=space))
    begin(Part(name=f"{name}-proxy", command=_proxy(name), space=space))


def _pod_network(number: int) -> dict[str, Any]:
    """Routed, not bridged: so a Service answers pods of its own node without tricks."""
    subnet = {"subnet": f"10.244.{number}.0/24"}
    routed = {
        "type": "ptp",
        "mtu": 1500,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{RUN}/n{number}/cni",
            "ranges": [[subnet]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": f"pj-n{number}", "plugins": [routed, ports]}


def _containerd(name: str) -> str:
    # restrict_oom_score_adj: a root that lacks CAP_SYS_RESOURCE may not lower the score, and
    # then no container starts ("can't get final child's PID from pipe").
    return f"""\
version = 2
root = "{HOME}/{name}/containerd"
state = "{RUN}/{name}/containerd"
disabled_plugins = [{_IDLE}]
[grpc]
  address = "{socket(name)}"
[{_CRI}]
  sandbox_image = "{tiny.IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [{_CRI}.cni]
    bin_dir = "{CNI}"
    conf_dir = "{HOME}/{name}/cni"
  [{_CRI}.registry]
    config_path = "{HOME}/{name}/registries"
  [{_CRI}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _registry() -> str:
    return f"""\
server = "http://{REGISTRY}"
[host."http://{REGISTRY}"]
  capabilities = ["pull", "resolve"]
"""


def _kubelet(number: int) -> list[str]:
    name, home = f"n{number}", HOME / f"n{number}"
    config = home / "kubelet.json"
    write(config, json.dumps({**_kubelet_rights(name), **_kubelet_habits(number, home)}))
    return [
        f"{BIN}/kubelet",
        f"--config={config}",
        f"--kubeconfig={PKI}/{name}.kubeconfig",
        f"--root-dir={home}/kubelet",
        f"--hostname-override={name}",
        f"--node-ip={address(number)}",
        f"--cert-dir={home}/certs",
    ]


def _kubelet_rights(name: str) -> dict[str, Any]:
    return {
        "tlsCertFile": f"{PKI}/{name}.crt",
        "tlsPrivateKeyFile": f"{PKI}/{name}.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "AlwaysAllow"},
    }


def _kubelet_habits(number: int, home: Path) -> dict[str, Any]:
    """Return how it works: quick, beside a second one, and never cleaning images away."""
    resolv = Path("/etc/resolv.conf")
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "containerRuntimeEndpoint": f"unix://{socket(home.name)}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.make(f"pj-{home.name}"),
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "address": address(number),
        "healthzBindAddress": "127.0.0.1",
        "clusterDNS": [CONTROL],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolv) if resolv.exists() else "/dev/null",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "nodeStatusUpdateFrequency": "5s",
        "fileCheckFrequency": "0s",
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "registryPullQPS": 0,
        "serializeImagePulls": False,
        # In a shared folder each kubelet would remove the other's logs once a minute.
        "podLogsDir": f"{home}/pod-logs",
        "volumePluginDir": f"{home}/plugins",
        "shutdownGracePeriod": "0s",
    }


def _proxy(name: str) -> list[str]:
    # Sizes of conntrack may not be set inside a namespace: 0 leaves them alone.
    return [
        f"{BIN}/kube-proxy",
        f"--kubeconfig={PKI}/proxy.kubeconfig",
        f"--hostname-override={name}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--oom-score-adj=0",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
    ]
