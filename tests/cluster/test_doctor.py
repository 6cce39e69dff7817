"""`perijove doctor --spawner kubernetes` on a real cluster: well, and each check broken once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perijove.spawners.kubernetes.labels import INSTANCE
from perijove.spawners.kubernetes.rights import NEEDED, SEEN
from perijove.spawners.kubernetes.trial import NAME
from tests.cluster.account import account, speaking
from tests.cluster.kubectl import Kubectl, own_namespace
from tests.cluster.release import STUB, Release, installed
from tests.ports import free_port

VALUES = ("--file", "/etc/perijove/config/values.yaml", "--data", "/srv/jupyterhub")
IN_THE_POD = ["config", "sign-in", "disk", "database", "cluster", "rights", "storage", "pod",
              "dns", "hub"]  # fmt: skip
LIGHT = {"image": {"name": "perijove-test-stub"}, "memory": {"guarantee": "32M"}}
Findings = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Runs here, and sees to it that no pod of a trial stays."""

    kubectl: Kubectl
    folder: Path

    def command(self, *more: str | Path, **singleuser: Any) -> list[str]:
        file = self.folder / "values.yaml"
        config = {"Authenticator": {"allow_all": True}}
        file.write_text(
            json.dumps({"hub": {"config": config}, "singleuser": {**LIGHT, **singleuser}})
        )
        place = ("--namespace", self.kubectl.namespace, "-f", str(file), "-o", "json")
        named = more if "--kubeconfig" in more else ("--kubeconfig", self.kubectl.config, *more)
        words = ("doctor", "--spawner", "kubernetes", *place, *map(str, named))
        return [sys.executable, "-m", "perijove", *words]

    def __call__(self, *more: str | Path, **singleuser: Any) -> Findings:
        done = subprocess.run(
            self.command(*more, **singleuser),
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert done.stdout, done.stderr
        self.nothing_stays()
        return read(done.stdout, done.returncode)

    def pods(self) -> list[str]:
        return self.kubectl("get", "pods", "-l", f"{INSTANCE}={NAME}", "-o", "name").split()

    def nothing_stays(self) -> None:
        self.kubectl.until("the pod of the trial is gone", lambda: not self.pods(), 60)


def read(out: str, code: int) -> Findings:
    told = json.loads(out)
    assert told["healthy"] is (code == 0)
    return {it["check"]: it for it in told["findings"]}


def broken(found: Findings, check: str, code: str, *words: str) -> None:
    """Require that `check` is bad, says these words, and what to do."""
    it = found[check]
    assert (it["health"], it["code"]) == ("bad", code), it
    assert it["remedy"]
    for word in words:
        assert word in it["sentence"], it["sentence"]


@pytest.fixture
def doctor(kubectl: Kubectl, tmp_path: Path) -> Doctor:
    return Doctor(kubectl=kubectl, folder=tmp_path)


@pytest.fixture(scope="module")
def release(whole_cluster: Kubectl) -> Iterator[Release]:
    with own_namespace(whole_cluster) as kubectl, installed(kubectl, STUB) as it:
        yield it


@pytest.mark.smoke
def test_in_the_pod_of_the_hub_everything_is_well(release: Release) -> None:
    """With the account that the chart gave it, and nothing but what the notes say."""
    told = "exec deploy/hub -- perijove doctor --spawner kubernetes"
    assert told in " ".join(release.notes.split())
    words = ("perijove", "doctor", "--spawner", "kubernetes", *VALUES, "-o", "json")
    out = release.kubectl("exec", "deploy/hub", "--", *words, check=False)
    found = {it["check"]: it for it in json.loads(out)["findings"]}
    assert list(found) == IN_THE_POD
    assert {it["health"] for it in found.values()} == {"good"}, found
    who = f"system:serviceaccount:{release.kubectl.namespace}:hub"
    assert found["rights"]["params"]["who"] == who
    assert found["rights"]["code"] == "rights.good"
    assert found["storage"]["params"] == {"name": "local-path"}
    Doctor(kubectl=release.kubectl, folder=Path()).nothing_stays()


def test_a_hub_that_a_pod_does_not_reach(release: Release, tmp_path: Path) -> None:
    doctor = Doctor(kubectl=release.kubectl, folder=tmp_path)
    found = doctor("--connect-url", "http://hub:9")
    assert found["dns"]["health"] == "good"
    broken(found, "hub", "hub.silent", "http://hub:9/hub/api")


def test_a_name_that_is_not_known_in_the_cluster(doctor: Doctor) -> None:
    found = doctor()
    assert found["pod"]["health"] == "good", found["pod"]
    broken(found, "dns", "dns.unknown", "hub")
    assert found["hub"]["params"] == {"because": "dns"}


def test_an_image_that_no_node_has_and_none_may_fetch(doctor: Doctor) -> None:
    image = {"name": "perijove-nope", "tag": "dev", "pullPolicy": "Never"}
    found = doctor(image=image)
    broken(found, "pod", "pod.failed", "The machine does not have the image perijove-nope:dev")
    assert found["pod"]["params"]["because"] == "image-never"
    assert found["dns"]["params"] == found["hub"]["params"] == {"because": "pod"}


def test_an_image_whose_registry_does_not_answer(doctor: Doctor) -> None:
    found = doctor(image={"name": "registry.invalid/nope", "tag": "1"})
    broken(found, "pod", "pod.failed", "registry.invalid/nope:1 cannot be fetched")


def test_an_image_without_python_is_there_but_cannot_look(doctor: Doctor) -> None:
    config = {"containers": [{"name": "notebook", "image": "perijove-test-stub:dev",
                              "command": ["/no-such-program"]}]}  # fmt: skip
    found = doctor(extraPodConfig=config)
    assert found["pod"]["health"] == "good", found["pod"]
    assert found["dns"]["code"] == found["hub"]["code"] == "pod.no-python"


def test_more_memory_than_any_machine_has(doctor: Doctor) -> None:
    found = doctor(memory={"guarantee": "9000G"})
    broken(found, "pod", "pod.failed", "of memory free")


def test_a_storage_class_that_there_is_not(doctor: Doctor) -> None:
    found = doctor("--no-start", storage={"dynamic": {"storageClass": "nope"}})
    broken(found, "storage", "storage.class", "There is no storage class nope", "local-path")


def test_a_claim_that_there_is_not(doctor: Doctor) -> None:
    found = doctor("--no-start", storage={"type": "static", "static": {"pvcName": "homes"}})
    broken(found, "storage", "storage.claim", "homes")


@pytest.mark.parametrize("lacking", ["watch events", "create pods", "get pods/log"])
def test_one_right_that_is_missing(doctor: Doctor, lacking: str) -> None:
    rights = [it for it in NEEDED if str(it) != lacking]
    token = account(doctor.kubectl, "lesser", rights)
    file = speaking(doctor.kubectl, doctor.folder / "lesser", token)
    found = doctor("--kubeconfig", file)
    who = f"system:serviceaccount:{doctor.kubectl.namespace}:lesser"
    broken(found, "rights", "rights.missing", f"{who} may not do", f"must: {lacking}.")
    assert found["storage"]["code"] == "storage.unseen"
    if lacking == "create pods":
        assert found["pod"]["params"] == {"because": "rights"}


def test_what_the_whole_cluster_has_need_not_be_seen(doctor: Doctor) -> None:
    token = account(doctor.kubectl, "local", NEEDED)
    found = doctor("--kubeconfig", speaking(doctor.kubectl, doctor.folder / "local", token))
    assert found["rights"]["health"] == "good"
    assert found["rights"]["params"]["names"] == ", ".join(map(str, SEEN))
    assert found["pod"]["health"] == "good", found["pod"]


def test_a_namespace_that_there_is_not(doctor: Doctor) -> None:
    found = doctor("--namespace", "no-such-place")
    broken(found, "pod", "pod.no-namespace", "no-such-place")


def test_a_token_that_the_cluster_does_not_know(doctor: Doctor) -> None:
    token = account(doctor.kubectl, "gone", NEEDED)
    doctor.kubectl("delete", "serviceaccount", "gone")
    for shown in (token, "made-up"):
        found = doctor("--kubeconfig", speaking(doctor.kubectl, doctor.folder / "gone", shown))
        broken(found, "cluster", "cluster.stranger", "have expired, or belong to another cluster")
        assert shown not in json.dumps(found)
        assert found["pod"]["params"] == {"because": "cluster"}


def test_an_address_where_no_cluster_is(doctor: Doctor) -> None:
    server = f"https://127.0.0.1:{free_port()}"
    file = speaking(doctor.kubectl, doctor.folder / "away", "t", server=server)
    found = doctor("--kubeconfig", file)
    broken(found, "cluster", "cluster.silent", server, "cannot be reached")


def test_a_kubeconfig_that_is_none(doctor: Doctor) -> None:
    found = doctor("--kubeconfig", doctor.folder / "none")
    broken(found, "cluster", "cluster.kubeconfig", "does not exist")
    found = doctor("--context", "nowhere")
    broken(found, "cluster", "cluster.kubeconfig", "the context 'nowhere' does not exist")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_in_the_middle_it_takes_its_pod_along(doctor: Doctor, number: int) -> None:
    image = {"name": "registry.invalid/nope", "tag": "1"}
    process = subprocess.Popen(
        doctor.command(image=image), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    doctor.kubectl.until("a pod of the trial is there", lambda: bool(doctor.pods()), 60)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    doctor.nothing_stays()
