"""`perijove doctor --spawner kubernetes`: nothing of its pod stays, however it ends."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perijove.cli.doctor.words import WORDS
from perijove.spawners.kubernetes.labels import INSTANCE
from perijove.spawners.kubernetes.rights import NEEDED, SEEN
from perijove.spawners.kubernetes.trial import NAME
from tests.kubernetes.api_server import Answer, ApiServer, Request, status, until
from tests.kubernetes.commands import begun, kubeconfig, said, stopped
from tests.kubernetes.rights import WHO, denying, reviewed

CLASS = {
    "metadata": {
        "name": "fast",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
}
CHECKS = ["config", "sign-in", "cluster", "rights", "storage", "pod", "dns", "hub"]
Findings = dict[str, dict[str, Any]]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        it.token = "Bearer right"
        it.put("storageclasses", CLASS)
        yield it


async def doctor(tmp_path: Path, server: ApiServer, *more: str) -> Findings:
    told = await said(*words(tmp_path, server, *more))
    assert told.code in {0, 7}, told.err
    findings = json.loads(told.out)["findings"]
    assert all(it["code"] in WORDS for it in findings)
    return {it["check"]: it for it in findings}


def words(tmp_path: Path, server: ApiServer, *more: str) -> tuple[str | Path, ...]:
    file = kubeconfig(tmp_path, server.url)
    return ("doctor", "--spawner", "kubernetes", "--kubeconfig", file, "-o", "json", *more)


def deletes(server: ApiServer) -> list[str]:
    return [it.name for it in server.requests if it.method == "DELETE"]


def pods(server: ApiServer) -> dict[str, Any]:
    return server.objects.get("pods", {})


def finished(server: ApiServer, found: dict[str, Any]) -> None:
    """Let each pod end at once, and have said `found`."""

    def made(request: Request) -> None:
        if request.method != "POST" or request.plural != "pods":
            return
        pod = json.loads(request.body)
        name = pod["metadata"]["name"]
        done = {"name": "notebook", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
        pod["spec"]["nodeName"] = "n1"
        pod["status"] = {"phase": "Succeeded", "containerStatuses": [done]}
        server.logs[name] = f"a warning of the image\nperijove-doctor: {json.dumps(found)}\n"
        pod = server.put("pods", pod)
        server.script(Answer(201, json.dumps(pod).encode()), times=1, when=lambda it: it is request)

    server.scripts.insert(0, made)


async def test_a_cluster_that_is_well(tmp_path: Path, server: ApiServer) -> None:
    finished(server, {"addresses": ["10.0.0.9"], "status": 200, "version": "6.1.1"})
    server.scripts.append(denying())
    found = await doctor(tmp_path, server)
    assert list(found) == CHECKS
    assert {it["health"] for it in found.values()} == {"good"}
    assert WHO in found["rights"]["sentence"]
    assert reviewed(server) == len(NEEDED) + len(SEEN)
    assert pods(server) == {}
    assert len(deletes(server)) == 1


@pytest.mark.parametrize(
    ("seen", "dns", "hub"),
    [
        ({"dns": "no such name", "hub": "no such name"}, "dns.unknown", "skipped"),
        ({"addresses": ["1.2.3.4"], "hub": "timed out"}, "dns.good", "hub.silent"),
        ({"addresses": ["1.2.3.4"], "status": 404}, "dns.good", "hub.other"),
        ({"addresses": ["1.2.3.4"], "status": 200, "version": None}, "dns.good", "hub.other"),
        ({}, "pod.no-python", "pod.no-python"),
    ],
)
async def test_what_a_pod_sees(
    tmp_path: Path, server: ApiServer, seen: dict[str, Any], dns: str, hub: str
) -> None:
    finished(server, seen)
    server.scripts.append(denying())
    found = await doctor(tmp_path, server, "--connect-url", "http://lab-hub:8081/")
    assert (found["dns"]["code"], found["hub"]["code"]) == (dns, hub)
    assert found["pod"]["code"] == "pod.good"
    if hub in {"hub.silent", "hub.other"}:
        assert "http://lab-hub:8081/hub/api" in found["hub"]["sentence"]


async def test_without_the_rights_to_remove_it_no_pod_is_made(
    tmp_path: Path, server: ApiServer
) -> None:
    server.scripts.append(denying({"delete pods", "watch nodes", "list storageclasses"}))
    found = await doctor(tmp_path, server)
    assert found["rights"]["code"] == "rights.missing"
    assert (
        f"{WHO} may not do in school what a hub must: delete pods." in found["rights"]["sentence"]
    )
    assert found["pod"]["params"] == {"because": "rights"}
    assert not [it for it in server.requests if it.method == "POST" and it.plural == "pods"]


async def test_what_may_not_be_seen_is_said(tmp_path: Path, server: ApiServer) -> None:
    finished(server, {"addresses": ["10.0.0.9"], "status": 200, "version": "6.1.1"})
    server.scripts.append(denying({str(it) for it in SEEN}))
    found = await doctor(tmp_path, server)
    assert (found["rights"]["health"], found["rights"]["code"]) == ("good", "rights.unseen")
    assert "It may not list nodes, watch nodes, list storageclasses" in found["rights"]["sentence"]
    assert (found["storage"]["health"], found["storage"]["code"]) == ("skipped", "storage.unseen")
    assert not [it for it in server.requests if it.plural in {"nodes", "storageclasses"}]


async def test_no_pod_is_made_that_was_not_asked_for(tmp_path: Path, server: ApiServer) -> None:
    server.scripts.append(denying())
    assert list(await doctor(tmp_path, server, "--no-start")) == CHECKS[:5]
    assert not pods(server)


@pytest.mark.parametrize(
    ("storage", "code"),
    [
        ("{dynamic: {storageClass: slow}}", "storage.class"),
        ("{dynamic: {storageClass: fast}}", "storage.good"),
        ("{dynamic: {storageClass: ''}}", "storage.by-hand.good"),
        ("{type: none}", "storage.none.good"),
        ("{type: static, static: {pvcName: homes}}", "storage.claim"),
        ("{type: static, static: {pvcName: 'home-{username}'}}", "storage.static.good"),
    ],
)
async def test_where_homes_are_kept(
    tmp_path: Path, server: ApiServer, storage: str, code: str
) -> None:
    server.scripts.append(denying())
    file = tmp_path / "values.yaml"
    file.write_text(f"singleuser: {{storage: {storage}}}\n")
    found = await doctor(tmp_path, server, "--no-start", "-f", str(file))
    assert found["storage"]["code"] == code


async def test_a_cluster_without_a_default_class(tmp_path: Path, server: ApiServer) -> None:
    server.scripts.append(denying())
    server.put("storageclasses", {"metadata": {"name": "fast", "annotations": {}}})
    found = await doctor(tmp_path, server, "--no-start")
    assert found["storage"]["code"] == "storage.no-default"
    assert "there are: fast" in found["storage"]["sentence"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_whatever_ends_it_the_pod_goes_first(
    tmp_path: Path, server: ApiServer, number: signal.Signals
) -> None:
    server.scripts.append(denying())
    process = await begun(*words(tmp_path, server))
    await until(lambda: bool(pods(server)), 40)
    (pod,) = pods(server).values()
    assert pod["spec"]["activeDeadlineSeconds"] == 360
    told = await stopped(process, number)
    assert told.code == 130
    assert "Traceback" not in told.err
    assert deletes(server) == [pod["metadata"]["name"]]
    assert pods(server) == {}


async def test_a_pod_that_nobody_has_heard_of_is_removed_as_well(
    tmp_path: Path, server: ApiServer
) -> None:
    """The API server has made it, and the answer was lost."""
    server.scripts.append(denying())

    def lost(request: Request) -> Answer | None:
        if request.method != "POST" or request.plural != "pods":
            return None
        server.put("pods", json.loads(request.body))
        return Answer(drop=True)

    server.scripts.insert(0, lost)
    found = await doctor(tmp_path, server)
    assert found["pod"]["code"] == "pod.unknown"
    assert len(deletes(server)) == 1
    assert pods(server) == {}


async def test_a_pod_that_cannot_be_removed_is_named_and_the_next_one_removes_it(
    tmp_path: Path, server: ApiServer
) -> None:
    finished(server, {"addresses": ["10.0.0.9"], "status": 200, "version": "6.1.1"})
    server.scripts.append(denying())
    away = Answer(500, status(500, "etcd is away"))
    server.script(away, times=5, when=lambda it: it.method == "DELETE")
    found = await doctor(tmp_path, server)
    (name,) = pods(server)
    assert found["pod"]["code"] == "pod.left"
    assert f"kubectl -n school delete pod {name}" in found["pod"]["remedy"]
    pods(server)[name]["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    assert pods(server)[name]["metadata"]["labels"][INSTANCE] == NAME
    await doctor(tmp_path, server)
    assert pods(server) == {}
