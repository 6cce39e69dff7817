"""What the chart grants and what a hub really asks for, by the API server's own log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perijove.http.sentences import sentence
from perijove.spawners.kubernetes.rights import NEEDED, SEEN
from tests.cluster.kit import audit
from tests.cluster.kubectl import Kubectl, own_namespace
from tests.cluster.manifests import claim
from tests.cluster.release import STUB, Release, installed

pytestmark = pytest.mark.usefixtures("ours")  # a borrowed cluster shows no audit log

REVIEWS = {
    ("create", "authorization.k8s.io/selfsubjectaccessreviews"),
    ("create", "authentication.k8s.io/selfsubjectreviews"),
}
"""What every account may ask of itself."""
GPU = {
    "display_name": "GPU",
    "kubespawner_override": {"extra_resource_limits": {"nvidia.com/gpu": "1"}},
}
PLAIN = {"display_name": "Plain", "default": True}


def asked(kubectl: Kubectl) -> list[audit.Asked]:
    who = f"system:serviceaccount:{kubectl.namespace}:hub"
    return [it for it in audit.requests() if it.user == who]


def granted(kubectl: Kubectl) -> set[tuple[str, str]]:
    """Return the verbs of the objects of the release, as the log names resources."""
    space = kubectl.namespace
    roles = [kubectl.json("get", "role", "hub")]
    every = kubectl.json("get", "clusterrole")["items"]
    roles += [it for it in every if it["metadata"]["name"].endswith(f"hub:{space}")]
    return {
        (verb, f"{group}/{resource}".strip("/"))
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.fixture
def release(kubectl: Kubectl) -> Iterator[Release]:
    with installed(kubectl, STUB) as it:
        yield it


def doctor(release: Release) -> dict[str, Any]:
    words = ("perijove", "doctor", "--spawner", "kubernetes", "-o", "json")
    file = ("--file", "/etc/perijove/config/values.yaml")
    out = release.kubectl("exec", "deploy/hub", "--", *words, *file, check=False)
    return {it["check"]: it for it in json.loads(out)["findings"]}


@pytest.mark.smoke
def test_every_verb_that_is_granted_is_used_and_nothing_is_refused(release: Release) -> None:
    kubectl = release.kubectl
    kubectl.apply(claim("claim-ada"))  # made ahead by somebody, without a label of ours
    for user in ("ada", "grace"):
        release.start(user)
        release.until_ready(user)
    log = release.admin.get("/users/grace/server/log")
    assert log.status_code == 200, log.text
    assert "listening" in log.text
    release.stop("ada")
    found = doctor(release)
    assert {it["health"] for it in found.values()} == {"good"}, found
    assert release.admin.delete("/users/grace").status_code == 204
    gone = ("get", "pvc", "claim-grace", "--ignore-not-found", "-o", "name")
    kubectl.until("the claim is gone", lambda: not kubectl(*gone), 60)

    rights = granted(kubectl)
    assert len(rights) == len(NEEDED) + len(SEEN)
    kubectl.until("every right is used", lambda: not rights - used(kubectl), 30)
    assert used(kubectl) - rights <= REVIEWS
    assert not [it for it in asked(kubectl) if it.code in {401, 403}]
    assert kubectl("get", "pvc", "claim-ada", "-o", "name")


def used(kubectl: Kubectl) -> set[tuple[str, str]]:
    return {(it.verb, it.resource) for it in asked(kubectl) if it.code < 400 or it.code == 409}


@pytest.fixture(scope="module")
def blind(whole_cluster: Kubectl) -> Iterator[Release]:
    """A release that may see nothing but its namespace."""
    values = {"rbac": {"cluster": False}, "singleuser": {"profileList": [PLAIN, GPU]}}
    with own_namespace(whole_cluster) as kubectl, installed(kubectl, STUB, values) as it:
        yield it


def test_without_a_look_at_the_whole_cluster_servers_start(blind: Release) -> None:
    blind.start("ada")
    blind.until_ready("ada")
    refused = [it for it in asked(blind.kubectl) if it.code == 403]
    assert {(it.verb, it.resource) for it in refused} <= {("list", "nodes")}
    found = doctor(blind)
    assert (found["rights"]["health"], found["rights"]["code"]) == ("good", "rights.unseen")
    assert found["rights"]["params"]["names"] == ", ".join(map(str, SEEN))
    assert found["storage"]["code"] == "storage.unseen"
    assert found["pod"]["health"] == found["hub"]["health"] == "good", found


def test_without_a_look_at_the_machines_the_sentence_names_none(blind: Release) -> None:
    blind.start("alan", {"profile": "gpu"})
    params = {"resource": "nvidia.com/gpu", "wanted": "1"}
    said = sentence("no-room-gpu-unseen", params)
    told: list[str] = []
    with blind.admin.stream("GET", "/users/alan/server/progress", timeout=60) as stream:
        for line in stream.iter_lines():
            told += [json.loads(line[5:])["message"]] if line.startswith("data:") else []
            if said in told:
                break
    assert said in told, told
    blind.stop("alan")
