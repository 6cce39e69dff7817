"""Provoked: how a cluster is brought to tell each code, and which ones it cannot be brought to."""

from collections.abc import Mapping

from tests.cluster.kit.images import STUB
from tests.cluster.troubles import (
    Trouble,
    a_node,
    deleted,
    displaced,
    drained,
    home,
    image,
    of_claim,
    played,
    runs,
    scaler,
    shell,
    silenced,
    volume,
)

_QUIET = shell("sleep 600")
_CHIP = "example.com/chip"


def _limits(**amounts: str) -> dict[str, object]:
    return {"extra_resource_limits": amounts}


MACHINES = (
    Trouble(code="no-room-cpu", override={"cpu_guarantee": 500}, says=("Asked for: 500.",),
            why="Insufficient cpu"),
    Trouble(code="no-room-memory", override={"mem_guarantee": "3T"}, says=("3 TiB of memory",),
            why="Insufficient memory"),
    Trouble(code="no-room-gpu", override=_limits(**{"nvidia.com/gpu": "100"}), smoke=True,
            says=("enough GPU free", "Asked for: 100.", "$NS-played: 8"),
            why="Insufficient nvidia.com/gpu"),
    Trouble(code="no-room-gpu-none", override=_limits(**{"example.com/gpu": "1"}),
            says=("No machine here has GPU at all.",), why="Insufficient example.com/gpu"),
    Trouble(code="no-room-gpu-unseen", place="narrow", says=("Asked for: 1.",),
            override=_limits(**{"nvidia.com/gpu": "1"}), why="Insufficient nvidia.com/gpu"),
    Trouble(code="no-room-resource", says=("disk space", "100 TiB"),
            override={"extra_resource_guarantees": {"ephemeral-storage": "100Ti"}},
            why="Insufficient ephemeral-storage"),
    Trouble(code="no-room-selector", override={"node_selector": {"disk": "golden"}},
            why="node affinity/selector"),
    Trouble(code="no-room-taint", override=played("played", tolerations=[]),
            why="untolerated taint"),
    Trouble(code="no-room-busy", override=played("cordoned"), why="unschedulable"),
    Trouble(code="no-room-pods", override=played("full"), why="Too many pods"),
    Trouble(code="no-room-volume", override=of_claim("far"), why="node affinity"),
    Trouble(code="no-room", why="pod affinity rules", override={
        "node_selector": {"kubernetes.io/hostname": "n2"},
        "pod_affinity_required": [{
            "labelSelector": {"matchLabels": {"app": "nobody"}},
            "topologyKey": "kubernetes.io/hostname"}]}),
    Trouble(code="gated", override={
        "extra_pod_config": {"schedulingGates": [{"name": "example.com/queue"}]}}),
    Trouble(code="scaling-up", override={"cpu_guarantee": 501}, why="3->4",
            deed=scaler("TriggeredScaleUp", "pod triggered scale-up: [{pool 3->4 (max: 10)}]")),
    Trouble(code="no-scale-up", override={"cpu_guarantee": 502}, deed=scaler(
        "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")),
    Trouble(code="scheduled", override=_QUIET),
    Trouble(code="scheduled", name="gpu-there", says=("$NS-played",), smoke=True, page=False,
            override={**played("played"), **_limits(**{"nvidia.com/gpu": "1"})}),
    Trouble(code="node-lost", override=played("node-lost"), before=a_node, deed=silenced,
            says=("$NS-node-lost",), within=30),
)  # fmt: skip

IMAGES = (
    Trouble(code="image-missing", override=image("missing/lab:2026"), ends=True, smoke=True,
            says=("$REGISTRY/missing/lab:2026",), why="not found"),
    Trouble(code="image-denied", override=image("denied/lab:1"), ends=True, why="403"),
    Trouble(code="image-denied", name="image-private", override=image("private/lab:1"),
            ends=True, why="401"),
    Trouble(code="image-platform", override=image("foreign/lab:1"), ends=True,
            why="no match for platform"),
    Trouble(code="image-unreachable", override={"image": "127.0.0.1:9/lab:1"},
            why="connection refused"),
    Trouble(code="image-unreachable", name="image-unresolved",
            override={"image": "registry.invalid/lab:1"}, why="registry.invalid", within=30),
    Trouble(code="image-pulling", override=image("slow/lab:1")),
    Trouble(code="image-slow", override=image("slow/lab:2"), within=80),
    Trouble(code="image-pulled", override=_QUIET),
    Trouble(code="image-name", override={"image": "lab image"}, ends=True, says=("lab image",)),
    Trouble(code="image-name", name="image-capital", override={"image": "Lab:1"}, ends=True),
    Trouble(code="image-never", ends=True,
            override={"image": "perijove.test/nowhere:1", "image_pull_policy": "Never"}),
)  # fmt: skip

STORAGE = (
    Trouble(code="claim-missing", override=of_claim("nowhere"), why='"nowhere" not found'),
    Trouble(code="claim-class", override=home(storage_class="golden"), ends=True,
            why='"golden" not found'),
    Trouble(code="claim-unbound", override=home(storage_class=""), ends=True,
            why="no storage class is set"),
    Trouble(code="claim-refused", override=home(storage_access_modes=["ReadWriteMany"]),
            why="ReadWriteOnce"),
    Trouble(code="claim-pending", override=home(storage_class="$NS"), calm=31,
            why="Waiting for a volume"),
    Trouble(code="claim-lost", override=home(), ends=True),
    Trouble(code="claim-taken", override=home(), ends=True),
    Trouble(code="volume-made", within=60, override=home(
        init_containers=[{"name": "before", "image": STUB.tag, "command": ["sleep", "600"]}])),
    Trouble(code="volume-mount", override=volume(secret={"secretName": "nowhere"}),
            why='"nowhere" not found'),
)  # fmt: skip

PROGRAMS = (
    Trouble(code="out-of-memory", override={"mem_limit": "32M", **shell("tail /dev/zero")},
            ends=True, says=("32 MiB",), smoke=True),
    Trouble(code="exited", override=shell("echo it ends; exit 7"), ends=True, says=("7",)),
    Trouble(code="container-start", override=runs("/nowhere"), ends=True, why="/nowhere"),
    Trouble(code="container-config", ends=True, why='"nowhere" not found', override={
        "environment": {"KEY": {"valueFrom": {"secretKeyRef": {
            "name": "nowhere", "key": "key"}}}}}),
    Trouble(code="init-failed", ends=True, says=("exit code 3",), override={
        "init_containers": [{"name": "before", "image": STUB.tag,
                             "command": ["sh", "-c", "exit 3"]}]}),
    Trouble(code="crash-loop", ends=True, within=40, says=("exit code 4",), override={
        "extra_pod_config": {"restartPolicy": "OnFailure"},
        "init_containers": [{"name": "before", "image": STUB.tag,
                             "command": ["sh", "-c", "exit 4"]}]}),
    Trouble(code="not-ready", why="failed", override=runs(
        "sleep", "600", readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1})),
    Trouble(code="sandbox", override={"extra_pod_config": {"runtimeClassName": "$NS"}},
            why="sandbox"),
    Trouble(code="evicted", ends=True, why="EmptyDir", within=150, override={
        **volume(emptyDir={"sizeLimit": "1Mi"}),
        **shell("head -c 9000000 /dev/zero >/more/much; sleep 600")}),
    Trouble(code="evicted", name="drained", override=_QUIET, deed=drained, ends=True,
            why="Eviction API"),
    Trouble(code="preempted", override=played("preempted", cpu_guarantee=40), before=a_node,
            deed=displaced, ends=True, why="higher priority"),
    Trouble(code="pod-deleted", override=_QUIET, deed=deleted, ends=True),
)  # fmt: skip

RULES = (
    Trouble(code="quota", override=_limits(**{_CHIP: "1"}), why="exceeded quota"),
    Trouble(code="quota-never", override=_limits(**{_CHIP: "5"}), ends=True,
            why="exceeded quota"),
    Trouble(code="quota-never", name="beyond-range", override={"mem_limit": "2G"}, ends=True,
            place="narrow", why="maximum memory usage per Container"),
    Trouble(code="admission-denied", override={"privileged": True, "uid": 0,
            "allow_privilege_escalation": True}, ends=True, why="violates PodSecurity"),
    Trouble(code="not-permitted", override=home(), place="narrow", ends=True,
            why="cannot create resource"),
    Trouble(code="pod-invalid", override={"extra_pod_config": {"dnsPolicy": "Any"}}, ends=True,
            why="dnsPolicy"),
    Trouble(code="bad-template", override={"extra_labels": {"of": "{nobody}"}}, ends=True),
    Trouble(code="bad-amount", override={"mem_limit": "plenty"}, ends=True, says=("plenty",)),
)  # fmt: skip

TROUBLES = (*MACHINES, *IMAGES, *STORAGE, *PROGRAMS, *RULES)

NOT_HERE: Mapping[str, str] = {
    "claim-leaving": "in test_stuck: what holds the claim is to be taken away in time",
    "cluster-event": "no trouble: what Kubernetes says, as it is kept of a start that has ended",
    "cluster-unreachable": "the API server of a shared cluster would have to be stopped",
    "image-broken": "the store of a node's containerd would have to be damaged",
    "image-disk": "the disk of a node, which is that of this machine, would have to be full",
}
"""Codes that no test provokes on a cluster, and why; tests/unit shows the words they come from."""
