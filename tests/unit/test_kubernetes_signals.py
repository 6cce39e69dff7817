"""What pods, claims and events look like, and what is said of them; shapes as a 1.34 API gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perijove.model.workload import State
from perijove.spawners.kubernetes import labels
from perijove.spawners.kubernetes.errors import Answer, Forbidden, Rejected
from perijove.spawners.kubernetes.observe import observation
from perijove.spawners.kubernetes.refusals import refusal
from perijove.spawners.kubernetes.signals import Sight
from tests.unit.test_kubernetes_pod import ORIGIN_OF_ADA

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
THERE = {"status": {"phase": "Bound"}, "metadata": {"name": "claim-ada"}}


def pod(status: dict[str, Any], node: str = "n1", **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "jupyter-ada",
            "uid": "u-1",
            "labels": labels.of_pod(ORIGIN_OF_ADA, {}, labels.COMMON),
            "annotations": labels.annotations(ORIGIN_OF_ADA, {}),
            **meta,
        },
        "spec": {
            **({"nodeName": node} if node else {}),
            "containers": [{
                "name": "notebook",
                "image": "quay.io/x:1",
                "resources": {
                    "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
                    "requests": {"memory": "512Mi", "cpu": "2"},
                },
            }],
        },
        "status": status,
    }  # fmt: skip


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [
        {"name": "notebook", "image": "quay.io/x:1", "state": state, "restartCount": 0, **more}
    ]}  # fmt: skip


def unscheduled(message: str) -> dict[str, Any]:
    return {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]}  # fmt: skip


def ended(reason: str, code: int, phase: str = "Failed", **more: Any) -> dict[str, Any]:
    state = {
        "terminated": {"reason": reason, "exitCode": code, "finishedAt": "2026-11-25T08:59:00Z"}
    }
    return {"phase": phase, "containerStatuses": [{"name": "notebook", "state": state}], **more}


def event(
    reason: str, message: str = "", ago: int = 1, about: str = "jupyter-ada"
) -> dict[str, Any]:
    at = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    kind = "Pod" if about == "jupyter-ada" else "PersistentVolumeClaim"
    return {
        "reason": reason, "message": message, "lastTimestamp": at,
        "involvedObject": {"kind": kind, "name": about},
    }  # fmt: skip


def node(name: str, ready: str = "True", gpus: str = "0") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-25T08:59:30Z"}]
    has = {"cpu": "4", "nvidia.com/gpu": gpus}
    return {"metadata": {"name": name}, "status": {"allocatable": has, "conditions": conditions}}


def seen(found: dict[str, Any], **more: Any) -> tuple[str, list[tuple[str, bool]]]:
    it = observation(Sight(pod=found, now=NOW, **more), ORIGIN_OF_ADA.instance)
    return it.state.value, [(signal.code, signal.terminal) for signal in it.signals]


NO = "0/3 nodes are available:"
PULL = 'failed to pull and unpack image "quay.io/x:1": failed to resolve reference "quay.io/x:1": '
CASES = [
    # what the cluster shows, the state, the last signal, whether it ends the start
    (unscheduled(f"{NO} 3 Insufficient cpu. preemption: …"), "", "no-room-cpu", False),
    (unscheduled(f"{NO} 2 Insufficient cpu, 3 Insufficient memory."), "", "no-room-memory", False),
    (unscheduled(f"{NO} 1 Insufficient cpu, 2 Insufficient nvidia.com/gpu."), "",
     "no-room-gpu-unseen", False),
    (unscheduled(f"{NO} 3 node(s) had untolerated taint {{gpu: 1}}."), "", "no-room-taint", False),
    (unscheduled(f"{NO} 3 node(s) had untolerated taint(s)."), "", "no-room-taint", False),
    (unscheduled(f"{NO} 3 node(s) didn't match Pod's node affinity/selector."), "",
     "no-room-selector", False),
    (unscheduled(f"{NO} 1 node(s) had volume node affinity conflict"), "", "no-room-volume", False),
    (unscheduled(f"{NO} 3 Too many pods."), "", "no-room-pods", False),
    (unscheduled(f"{NO} 3 node(s) were unschedulable."), "", "no-room-busy", False),
    (unscheduled("something new"), "", "no-room", False),
    (unscheduled('persistentvolumeclaim "x" not found'), "", "claim-missing", False),
    (waiting("ErrImagePull", PULL + "quay.io/x:1: not found"), "n1", "image-missing", True),
    (waiting("ErrImagePull", PULL + "manifest unknown"), "n1", "image-missing", True),
    (waiting("ErrImagePull", PULL + "pull access denied, repository does not exist"), "n1",
     "image-denied", True),
    (waiting("ErrImagePull", PULL + "unexpected status: 401 Unauthorized"), "n1",
     "image-denied", True),
    (waiting("ErrImagePull", PULL + "dial tcp: lookup quay.io on 10.0.0.1:53: no such host"), "n1",
     "image-unreachable", False),
    (waiting("ErrImagePull", PULL + "dial tcp 1.2.3.4:443: i/o timeout"), "n1",
     "image-unreachable", False),
    (waiting("ErrImagePull", "no match for platform in manifest: not found"), "n1",
     "image-platform", True),
    (waiting("InvalidImageName"), "n1", "image-name", True),
    (waiting("ErrImageNeverPull"), "n1", "image-never", True),
    (waiting("CreateContainerConfigError", 'secret "x" not found'), "n1", "container-config", True),
    (waiting("CreateContainerError", "no command specified"), "n1", "container-start", True),
    (waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 2}}), "n1",
     "crash-loop", True),
    (ended("OOMKilled", 137), "n1", "out-of-memory", True),
    (ended("StartError", 128), "n1", "container-start", True),
    ({"phase": "Failed", "reason": "Evicted", "message": "disk"}, "n1", "evicted", True),
    ({"phase": "Failed", "reason": "NodeLost"}, "n1", "node-lost", True),
]  # fmt: skip


@pytest.mark.parametrize(("status", "on", "code", "terminal"), CASES)
def test_what_holds_it_up_is_the_last_thing_told(
    status: dict[str, Any], on: str, code: str, terminal: object
) -> None:
    _, told = seen(pod(status, on), claim=THERE)
    assert told[-1] == (code, terminal)


def test_who_wants_a_gpu_is_told_which_machines_have_some() -> None:
    short = unscheduled(f"{NO} 2 Insufficient nvidia.com/gpu.")
    nodes = [node("n1"), node("n2")]
    del nodes[0]["status"]["allocatable"]["nvidia.com/gpu"]
    _, told = seen(pod(short, ""), nodes=nodes)
    assert told == [("no-room-gpu-none", False)]
    nodes[1]["status"]["allocatable"]["nvidia.com/gpu"] = "8"
    it = observation(Sight(pod=pod(short, ""), now=NOW, nodes=nodes), "i-1")
    assert it.signals[-1].code == "no-room-gpu"
    assert it.signals[-1].params["nodes"] == "n2: 8"
    assert it.signals[-1].params["wanted"] == "1"


def test_a_memory_limit_is_told_in_bytes() -> None:
    it = observation(Sight(pod=pod(ended("OOMKilled", 137)), now=NOW), "i-1")
    assert it.state is State.EXITED
    assert it.exit_code == 137
    assert it.signals[-1].params["limit"] == 1 << 30


def test_an_image_is_fetched_then_slow_then_there() -> None:
    creating = waiting("ContainerCreating")
    assert seen(pod(creating), events=[event("Pulling", ago=5)]) == (
        "pending", [("image-pulling", False)]
    )  # fmt: skip
    assert seen(pod(creating), events=[event("Pulling", ago=90)])[1] == [("image-slow", False)]
    done = [event("Pulling", ago=90), event("Pulled", ago=2)]
    assert seen(pod(creating), events=done)[1] == [("image-pulled", False)]
    failed = f'Failed to pull image "quay.io/x:1": {PULL}not found'
    back_off = [
        event("Pulling", ago=9),
        event("Failed", failed, ago=8),
        event("Failed", "Error: ErrImagePull", ago=8),
        event("Failed", "Error: ImagePullBackOff", ago=7),
    ]
    told = seen(pod(waiting("ImagePullBackOff", "Back-off pulling")), events=back_off)[1]
    assert told == [("image-missing", True)]


@pytest.mark.parametrize(
    ("reason", "words", "code", "terminal"),
    [
        ("ProvisioningFailed", 'storageclass.storage.k8s.io "x" not found', "claim-class", True),
        ("FailedBinding", ("no persistent volumes available for this claim and no storage class"
         " is set"), "claim-unbound", True),
        ("ProvisioningFailed", "rpc error: quota", "claim-refused", False),
        ("ExternalProvisioning", "waiting for a volume", "claim-pending", False),
    ],
)  # fmt: skip
def test_a_claim_says_why_it_has_no_volume(
    reason: str, words: str, code: str, terminal: object
) -> None:
    claim = {"metadata": {"name": "claim-ada"}, "status": {"phase": "Pending"}}
    bound = unscheduled(f"{NO} pod has unbound immediate PersistentVolumeClaims.")
    _, told = seen(pod(bound, ""), claim=claim, events=[event(reason, words, about="claim-ada")])
    assert told == [(code, terminal)]
    waits = [event("WaitForFirstConsumer", "waiting", about="claim-ada")]
    assert seen(pod({"phase": "Pending"}, ""), claim=claim, events=waits)[1] == []


def test_a_node_that_is_gone_is_told_and_ends_nothing() -> None:
    running = {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
        {"name": "notebook", "state": {"running": {}}}
    ]}  # fmt: skip
    state, told = seen(pod(running), nodes=[node("n1", "Unknown")])
    assert (state, told) == ("up", [("node-lost", False)])
    state, told = seen(pod(running), nodes=[node("n1")])
    assert (state, told) == ("up", [])


def test_a_pod_on_its_way_out_has_ended_and_says_who_did_it() -> None:
    running = {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
        {"name": "notebook", "state": {"running": {}}}
    ]}  # fmt: skip
    going = pod(running, deletionTimestamp="2026-11-25T08:59:59Z")
    assert seen(going) == ("up", [("pod-deleted", True)])
    lost = seen(going, nodes=[node("n1", "Unknown")])
    assert lost[1][-1] == ("node-lost", True)


def test_the_pod_of_somebody_else_is_foreign() -> None:
    theirs = pod({"phase": "Running"})
    assert observation(Sight(pod=theirs, now=NOW), "another").state is State.FOREIGN
    del theirs["metadata"]["annotations"]
    assert observation(Sight(pod=theirs, now=NOW), "i-1").state is State.FOREIGN


@pytest.mark.parametrize(
    ("message", "code", "terminal"),
    [
        ('pods "x" forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
         "quota", False),
        (('pods "x" is forbidden: exceeded quota: q, requested: limits.memory=8Gi, used:'
         " limits.memory=0, limited: limits.memory=4Gi"), "quota-never", True),
        ('admission webhook "x" denied the request: no', "admission-denied", True),
        ('pods "x" is forbidden: violates PodSecurity "restricted": …', "admission-denied", True),
        ('Pod "x" is invalid: spec.containers[0].image: Required value', "pod-invalid", True),
    ],
)  # fmt: skip
def test_what_the_api_server_refuses_has_a_code(message: str, code: str, terminal: object) -> None:
    told = refusal(Rejected(Answer(status=403, reason="Forbidden", message=message)))
    assert (told.code, told.terminal) == (code, terminal)


def test_a_missing_right_names_the_verb_and_the_thing() -> None:
    told = refusal(Forbidden(Answer(status=403, message="m"), "create", "pods"))
    assert (told.code, told.terminal) == ("not-permitted", True)
    assert told.params["verb"] == "create"
    assert told.params["resource"] == "pods"


def test_nothing_that_is_shown_holds_a_path_of_a_machine_or_is_long() -> None:
    words = 'MountVolume.SetUp failed for "x": open /var/lib/kubelet/pods/1/volumes/x: ' + "y" * 999
    it = observation(
        Sight(pod=pod({"phase": "Pending"}), now=NOW, events=[event("FailedMount", words)]), "i-1"
    )
    why = str(it.signals[0].params["why"])
    assert "/var" not in why
    assert len(why) == 300


def test_good_news_is_no_reason_why_a_start_has_failed() -> None:
    happened = [event("FailedMount", "x", ago=9), event("Pulled", ago=1)]
    it = observation(Sight(pod=pod({"phase": "Pending"}), now=NOW, events=happened), "i-1")
    assert [(signal.code, signal.good) for signal in it.signals] == [
        ("volume-mount", False),
        ("image-pulled", True),
    ]


def test_a_container_beside_a_notebook_that_runs_ends_nobodys_work() -> None:
    beside = {"name": "side", "image": "x", "state": {"waiting": {"reason": "ErrImagePull",
              "message": "x: not found"}}}  # fmt: skip
    notebook = {"name": "notebook", "state": {"running": {}}}
    status = {"phase": "Pending", "podIP": "10.0.0.1", "containerStatuses": [notebook, beside]}
    assert seen(pod(status)) == ("up", [("image-missing", False)])
    starting = {**notebook, "state": {"waiting": {"reason": "ContainerCreating"}}}
    status = {"phase": "Pending", "containerStatuses": [beside, starting]}
    assert seen(pod(status)) == ("pending", [("image-missing", True)])
