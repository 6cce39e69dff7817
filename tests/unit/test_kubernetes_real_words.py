"""What a Kubernetes 1.34 with containerd 1.6 did say, word for word, and what is made of it."""

from typing import Any

import pytest

from perijove.model.workload import State
from perijove.spawners.kubernetes.errors import Answer, Rejected
from perijove.spawners.kubernetes.observe import observation
from perijove.spawners.kubernetes.refusals import refusal
from perijove.spawners.kubernetes.scheduling import unschedulable
from perijove.spawners.kubernetes.signals import Sight
from tests.unit.test_kubernetes_pod import ORIGIN_OF_ADA
from tests.unit.test_kubernetes_signals import NOW, event, pod, seen, unscheduled, waiting

NOWHERE = "10 Preemption is not helpful for scheduling."
END = f"no new claims to deallocate, preemption: 0/10 nodes are available: {NOWHERE}"
CORDONED = "1 node(s) were unschedulable"
TAINTED = "7 node(s) had untolerated taint(s)"
ANOTHER = "2 node(s) didn't match Pod's node affinity/selector"
HOST = "172.31.254.254:5099"


def words(*reasons: str) -> str:
    return f"0/10 nodes are available: {', '.join(reasons)}. {END}"


def machine(name: str, *, cordoned: bool = False, **labels: str) -> dict[str, Any]:
    spec = {"unschedulable": True} if cordoned else {}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ((CORDONED, "2 Insufficient cpu", TAINTED), "no-room-cpu"),
        ((CORDONED, "2 Insufficient memory", TAINTED), "no-room-memory"),
        ((CORDONED, "2 Insufficient ephemeral-storage", TAINTED), "no-room-resource"),
        ((CORDONED, "2 Insufficient nvidia.com/gpu", TAINTED), "no-room-gpu-unseen"),
        (("1 Too many pods", "1 node(s) had untolerated taint(s)", CORDONED,
          "7 node(s) didn't match Pod's node affinity/selector"), "no-room-pods"),
        ((CORDONED, "2 node(s) didn't match PersistentVolume's node affinity", TAINTED),
         "no-room-volume"),
        (("1 node(s) didn't match Pod's node affinity/selector",
          "1 node(s) didn't match pod affinity rules", CORDONED, TAINTED), "no-room"),
        ((ANOTHER, TAINTED), "no-room-selector"),
        (("10 node(s) had untolerated taint(s)",), "no-room-taint"),
    ],
)  # fmt: skip
def test_of_many_reasons_that_one_is_told_that_holds_the_server_up(
    reasons: tuple[str, ...], code: str
) -> None:
    assert unschedulable(words(*reasons), pod({}, ""), None).code == code


def test_what_is_wrong_with_machines_of_another_kind_is_not_told() -> None:
    mixed = words(CORDONED, ANOTHER, TAINTED)
    wants = pod({}, "")
    wants["spec"]["nodeSelector"] = {"disk": "fast"}

    def told(*nodes: dict[str, Any]) -> str:
        return unschedulable(mixed, wants, nodes).code

    plain = machine("n1"), machine("n2", cordoned=True)
    assert told(*plain) == "no-room-selector"
    assert told(*plain, machine("n3", disk="fast")) == "no-room-taint"
    assert told(*plain, machine("n3", disk="fast", cordoned=True)) == "no-room-busy"


def test_words_of_a_later_kubernetes_that_nobody_knows_are_no_reason_of_another() -> None:
    assert unschedulable(words("2 are tired", TAINTED), pod({}, ""), None).code == "no-room"
    assert unschedulable("something new", pod({}, ""), None).code == "no-room"


@pytest.mark.parametrize(
    ("image", "failure", "code", "terminal"),
    [
        ("missing/lab:2026", ("rpc error: code = NotFound desc = failed to pull and unpack image"
         f' "{HOST}/missing/lab:2026": failed to resolve reference "{HOST}/missing/lab:2026":'
         f" {HOST}/missing/lab:2026: not found"), "image-missing", True),
        ("denied/lab:1", (f'failed to pull and unpack image "{HOST}/denied/lab:1": failed to'
         f' resolve reference "{HOST}/denied/lab:1": pulling from host {HOST} failed with status'
         " code [manifests 1]: 403 Forbidden"), "image-denied", True),
        ("private/lab:1", (f'failed to pull and unpack image "{HOST}/private/lab:1": failed to'
         f' resolve reference "{HOST}/private/lab:1": failed to authorize: failed to fetch'
         " anonymous token: unexpected status: 401 Unauthorized"), "image-denied", True),
        ("foreign/lab:1", ("rpc error: code = NotFound desc = failed to pull and unpack image"
         f' "{HOST}/foreign/lab:1": no match for platform in manifest: not found'),
         "image-platform", True),
        ("lab:1", ('failed to pull and unpack image "127.0.0.1:9/lab:1": failed to resolve'
         ' reference "127.0.0.1:9/lab:1": failed to do request: Head'
         ' "http://127.0.0.1:9/v2/lab/manifests/1": dial tcp 127.0.0.1:9: connect:'
         " connection refused"), "image-unreachable", False),
    ],
)  # fmt: skip
def test_why_an_image_is_not_there_is_still_known_while_the_kubelet_backs_off(
    image: str, failure: str, code: str, terminal: object
) -> None:
    there = [
        event("Pulling", ago=4),
        event("Failed", f'Failed to pull image "{HOST}/{image}": {failure}', ago=3),
        event("Failed", "Error: ErrImagePull", ago=3),
        event("BackOff", f'Back-off pulling image "{HOST}/{image}"', ago=2),
        event("Failed", "Error: ImagePullBackOff", ago=2),
    ]
    backs_off = waiting("ImagePullBackOff", f'Back-off pulling image "{HOST}/{image}"')
    assert seen(pod(backs_off), events=there)[1] == [(code, terminal)]


def test_a_provisioner_that_tries_again_has_refused_all_the_same() -> None:
    claim = {"metadata": {"name": "claim-ada"}, "status": {"phase": "Pending"}}
    refused = (
        'failed to provision volume with StorageClass "local-path": NodePath only supports'
        " ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"
    )
    again = 'External provisioner is provisioning volume for claim "ns/claim-ada"'
    there = [
        event("ProvisioningFailed", refused, ago=5, about="claim-ada"),
        event("Provisioning", again, ago=1, about="claim-ada"),
    ]
    assert seen(pod({"phase": "Pending"}, ""), claim=claim, events=there)[1] == [
        ("claim-refused", False)
    ]


def test_a_claim_that_a_pod_names_and_that_is_not_there() -> None:
    said = f'0/10 nodes are available: persistentvolumeclaim "nowhere" not found. not found. {END}'
    assert seen(pod(unscheduled(said), ""))[1] == [("claim-missing", False)]


@pytest.mark.parametrize(
    ("reason", "message", "code"),
    [
        ("EvictionByEvictionAPI", "Eviction API: evicting", "evicted"),
        ("PreemptionByScheduler",
         "default-scheduler: preempting to accommodate a higher priority pod", "preempted"),
        ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", "node-lost"),
        ("DeletionByPodGC", "PodGC: node no longer exists", "node-lost"),
    ],
)  # fmt: skip
def test_a_pod_that_the_cluster_has_told_to_go_was_not_deleted_by_somebody(
    reason: str, message: str, code: str
) -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    going = pod(
        {"phase": "Running", "conditions": [target], "containerStatuses": [
            {"name": "notebook", "state": {"running": {}}}]},
        deletionTimestamp="2026-11-25T08:59:59Z",
    )  # fmt: skip
    it = observation(Sight(pod=going, now=NOW), ORIGIN_OF_ADA.instance)
    assert it.state is State.UP
    assert (it.signals[-1].code, it.signals[-1].terminal) == (code, True)
    assert it.signals[-1].params == {"node": "n1", "why": message}


def test_what_a_limit_range_refuses_is_never_taken() -> None:
    said = (
        'pods "jupyter-ada" is forbidden: maximum memory usage per Container is 1Gi,'
        " but limit is 2Gi"
    )
    told = refusal(Rejected(Answer(status=403, reason="Forbidden", message=said)))
    assert (told.code, told.terminal) == ("quota-never", True)


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_things_in_one_second_the_hindrance_is_told_last(first: int) -> None:
    found = {**event("Scheduled"), "lastTimestamp": None, "eventTime": "2026-11-25T08:59:59.731Z"}
    failed = event("FailedCreatePodSandBox", 'no runtime for "nothing" is configured', ago=1)
    there = [found, failed] if first else [failed, found]
    told = seen(pod(waiting("ContainerCreating")), events=there)[1]
    assert told == [("scheduled", False), ("sandbox", False)]
