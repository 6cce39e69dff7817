"""The client of the API server, over real sockets: six calls, and all that can go wrong."""

import asyncio
import json
import stat
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from perijove import __version__
from perijove.spawners.kubernetes.cluster import CLAIMS, CLASSES, NODES, PODS, Cluster
from perijove.spawners.kubernetes.credentials import (
    Credentials,
    Fixed,
    FromProgram,
    Program,
    Shown,
    TokenFile,
    basic,
    bearer,
)
from perijove.spawners.kubernetes.errors import (
    BadKubeconfig,
    Changed,
    Exists,
    Expired,
    Forbidden,
    Missing,
    Rejected,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.tls import Pair, Trust
from perijove.spawners.kubernetes.trim import keeping
from tests.kubernetes.api_server import Answer, ApiServer, Request, status
from tests.kubernetes.authority import Authority
from tests.ports import free_port

POD = {"metadata": {"name": "ada"}, "spec": {"nodeName": ""}}


def every(_: Request) -> bool:
    return True


@asynccontextmanager
async def to(url: str, who: Credentials | None = None, **more: Any) -> AsyncIterator[Cluster]:
    access = Access(url, "hub", "a test", who or Fixed(), **more)
    cluster = await Cluster.connect(access)
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        yield it


@pytest.fixture
async def cluster(server: ApiServer) -> AsyncIterator[Cluster]:
    async with to(server.url) as it:
        yield it


async def test_what_is_created_is_there_until_it_is_deleted(cluster: Cluster) -> None:
    made = await cluster.create(PODS, POD)
    assert await cluster.get(PODS, "ada") == made
    await cluster.delete(PODS, "ada", uid=made["metadata"]["uid"], grace=0)
    assert await cluster.get(PODS, "ada") is None


async def test_names_that_are_taken_missing_or_another_s(cluster: Cluster) -> None:
    await cluster.create(PODS, POD)
    with pytest.raises(Exists):
        await cluster.create(PODS, POD)
    with pytest.raises(Changed):
        await cluster.delete(PODS, "ada", uid="of yesterday")
    with pytest.raises(Missing):
        await cluster.delete(PODS, "bob")


async def test_each_kind_has_its_path(server: ApiServer, cluster: Cluster) -> None:
    for kind in (PODS, CLAIMS, NODES, CLASSES):
        await cluster.get(kind, "a/b")
    assert [it.path for it in server.requests] == [
        "/api/v1/namespaces/hub/pods/a/b",
        "/api/v1/namespaces/hub/persistentvolumeclaims/a/b",
        "/api/v1/nodes/a/b",
        "/apis/storage.k8s.io/v1/storageclasses/a/b",
    ]
    assert server.requests[0].fields["user-agent"] == f"perijove/{__version__}"


async def test_a_list_is_read_in_pages_and_made_small(server: ApiServer, cluster: Cluster) -> None:
    for number in range(25):
        server.put("pods", {"metadata": {"name": f"p{number}"}, "spec": {"long": "x" * 100}})
    listing = cluster.listing(PODS, limit=10, labels="a=b", trim=keeping())
    items = [it async for it in listing]
    assert [it["metadata"]["name"] for it in items] == [f"p{number}" for number in range(25)]
    assert listing.version == str(server.version)
    assert [it.query.get("continue") for it in server.requests] == [None, "10", "20"]
    assert {it.query["labelSelector"] for it in server.requests} == {"a=b"}


async def test_a_watch_goes_on_from_a_list(server: ApiServer, cluster: Cluster) -> None:
    _, version = await cluster.list(PODS)
    server.put("pods", POD)
    async with aclosing(cluster.watch(PODS, since=version)) as events:
        assert (await anext(events)).type == "BOOKMARK"
        seen = await anext(events)
        assert (seen.type, seen.object["metadata"]["name"]) == ("ADDED", "ada")
        server.watches[0].bookmark(500)
        assert (await anext(events)).object["metadata"]["resourceVersion"] == "500"
        server.remove("pods", "ada")
        assert (await anext(events)).type == "DELETED"
        server.watches[0].end()
        assert await anext(events, None) is None


async def test_a_long_line_comes_in_parts(server: ApiServer, cluster: Cluster) -> None:
    async with aclosing(cluster.watch(PODS, since="100")) as events:
        await anext(events)
        text = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "x" * 300_000}}})
        for at in range(0, len(text), 50_000):
            server.watches[0].raw(text[at : at + 50_000].encode())
            await asyncio.sleep(0)
        server.watches[0].raw(b"\n\n")
        assert len((await anext(events)).object["metadata"]["name"]) == 300_000


async def test_a_watch_from_too_long_ago_has_expired(server: ApiServer, cluster: Cluster) -> None:
    server.put("pods", POD)
    server.compact()
    with pytest.raises(Expired):
        async for _ in cluster.watch(PODS, since="1"):
            pass
    server.script(Answer(410, status(410, "too old")), when=every)
    with pytest.raises(Expired):
        async for _ in cluster.watch(PODS, since="1"):
            pass


async def test_a_watch_that_breaks_in_the_middle_of_a_line(
    server: ApiServer, cluster: Cluster
) -> None:
    async with aclosing(cluster.watch(PODS, since="100")) as events:
        await anext(events)
        server.watches[0].cut()
        with pytest.raises(Unreachable):
            await anext(events)


async def test_a_watch_that_falls_silent(cluster: Cluster) -> None:
    async with aclosing(cluster.watch(PODS, since="100", silence=0.05)) as events:
        await anext(events)
        with pytest.raises(Unreachable, match="nothing was heard"):
            await anext(events)


@pytest.mark.parametrize("code", [429, 503])
async def test_a_read_waits_as_long_as_it_is_told(
    server: ApiServer, cluster: Cluster, code: int
) -> None:
    busy = Answer(code, b"Too many requests, please try again later.", {"Retry-After": "1"})
    server.script(busy, when=every)
    began = asyncio.get_running_loop().time()
    assert await cluster.get(PODS, "ada") is None
    assert asyncio.get_running_loop().time() - began >= 1
    assert len(server.requests) == 2


async def test_a_write_is_for_the_caller_to_ask_again(server: ApiServer, cluster: Cluster) -> None:
    server.script(Answer(429, status(429, "busy"), {"Retry-After": "1"}), when=every)
    with pytest.raises(Throttled) as caught:
        await cluster.create(PODS, POD)
    assert caught.value.retry_after == 1
    assert isinstance(caught.value, OSError)
    began = asyncio.get_running_loop().time()
    await cluster.create(PODS, POD)
    assert asyncio.get_running_loop().time() - began >= 0.9, "nobody asks meanwhile"


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_an_api_server_in_trouble_says_nothing_of_a_pod(
    server: ApiServer, cluster: Cluster, code: int
) -> None:
    server.script(Answer(code, b"<html>"), when=every)
    with pytest.raises(Unreachable):
        await cluster.get(PODS, "ada")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"default backend - 404"),
        Answer(403, b"<html>no</html>"),
        Answer(302, b"", {"Location": "/login"}),
        Answer(200, b"<html>hello</html>"),
        Answer(200, b"[]"),
        Answer(404, b'{"error": "none"}'),
    ],
    ids=str,
)
async def test_what_is_no_api_server_is_not_believed(
    server: ApiServer, cluster: Cluster, answer: Answer
) -> None:
    server.script(answer, when=every)
    with pytest.raises(Unreachable):
        await cluster.get(PODS, "ada")


async def test_refusals_keep_the_words_of_the_api_server(
    server: ApiServer, cluster: Cluster
) -> None:
    rbac = (
        'pods is forbidden: User "system:serviceaccount:a:hub" cannot create resource "pods"'
        ' in API group "" in the namespace "a"'
    )
    quota = 'pods "ada" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1'
    server.script(Answer(403, status(403, rbac)), when=every)
    server.script(Answer(403, status(403, quota, name="ada")), when=every)
    causes = [{"reason": "FieldValueInvalid", "message": "no", "field": "spec.x"}]
    server.script(Answer(422, status(422, "Pod is invalid", causes=causes)), when=every)
    with pytest.raises(Forbidden) as right:
        await cluster.create(PODS, POD)
    assert (right.value.verb, right.value.resource) == ("create", "pods")
    assert isinstance(right.value, OSError)
    with pytest.raises(Rejected, match="exceeded quota") as full:
        await cluster.create(PODS, POD)
    assert (full.value.status, full.value.reason) == (403, "Forbidden")
    assert full.value.details == {"name": "ada"}
    with pytest.raises(Rejected) as wrong:
        await cluster.create(PODS, POD)
    assert wrong.value.answer.causes == [("FieldValueInvalid", "no", "spec.x")]


async def test_a_right_in_another_group_is_named_with_it() -> None:
    said = (
        'storageclasses.storage.k8s.io is forbidden: User "x" cannot list resource'
        ' "storageclasses" in API group "storage.k8s.io" at the cluster scope'
    )
    async with ApiServer().serving() as server, to(server.url) as cluster:
        server.script(Answer(403, status(403, said)), when=every)
        with pytest.raises(Forbidden) as caught:
            await cluster.list(CLASSES)
    assert caught.value.resource == "storageclasses.storage.k8s.io"


async def test_nobody_there() -> None:
    async with to(f"http://127.0.0.1:{free_port()}") as cluster:
        with pytest.raises(Unreachable, match="cannot be reached: Connect"):
            await cluster.get(PODS, "ada")


async def test_a_connection_that_was_closed_meanwhile(server: ApiServer, cluster: Cluster) -> None:
    await cluster.get(PODS, "ada")
    server.script(Answer(drop=True), when=every)
    assert await cluster.get(PODS, "ada") is None, "a read is asked again, once"
    server.script(Answer(drop=True), when=every)
    with pytest.raises(Unreachable):
        await cluster.create(PODS, POD)


async def test_nothing_is_waited_for_for_ever(
    server: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.line.WHOLE_SECONDS", 0.1)
    server.script(Answer(hang=True), when=every, times=2)
    with pytest.raises(Unreachable, match="does not answer in time"):
        await cluster.create(PODS, POD)
    with pytest.raises(Unreachable, match="does not answer in time"):
        async for _ in cluster.watch(PODS, since="100"):
            pass


async def test_connections_are_used_again(server: ApiServer, cluster: Cluster) -> None:
    for _ in range(20):
        await cluster.get(PODS, "ada")
    assert server.connections == 1
    await asyncio.gather(*(cluster.get(PODS, "ada") for _ in range(100)))
    assert server.connections <= 16


async def test_the_log_of_a_container(server: ApiServer, cluster: Cluster) -> None:
    server.logs["ada"] = "one\ntwo\n"
    assert await cluster.log("ada", container="notebook", tail_bytes=4) == "two\n"
    assert await cluster.log("bob", container="notebook") == ""
    waiting = 'container "notebook" in pod "ada" is waiting to start: ContainerCreating'
    server.script(Answer(400, status(400, waiting)), when=every)
    assert await cluster.log("ada", container="notebook", previous=True) == ""
    assert server.requests[-1].query["previous"] == "true"


async def test_a_token_that_was_replaced_is_read_at_once(server: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old\n")
    server.token = "Bearer old"
    async with to(server.url, TokenFile(path)) as cluster:
        await cluster.get(PODS, "ada")
        path.write_text("new\n")
        server.token = "Bearer new"
        assert await cluster.get(PODS, "ada") is None
        await cluster.create(PODS, POD)
        server.token = "Bearer another"
        with pytest.raises(Unauthenticated, match="a test: they have expired"):
            await cluster.get(PODS, "ada")
        path.unlink()
        with pytest.raises(Unauthenticated):
            await cluster.get(PODS, "ada")


async def test_a_name_and_a_password(server: ApiServer) -> None:
    server.token = f"Basic {b64encode(b'ada:se:cret').decode()}"
    async with to(server.url, Fixed(Shown(basic("ada", "se:cret")))) as cluster:
        await cluster.create(PODS, POD)
    assert "se:cret" not in repr(Fixed(Shown(basic("ada", "se:cret"))))


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def credential(token: str, until: str = "2099-01-01T00:00:00Z") -> str:
    return json.dumps(
        {
            "kind": "ExecCredential",
            "apiVersion": "client.authentication.k8s.io/v1",
            "status": {"token": token, "expirationTimestamp": until},
        }
    )


async def test_a_program_that_signs_in(server: ApiServer, tmp_path: Path) -> None:
    printed, runs = tmp_path / "printed", tmp_path / "runs"
    command = program(
        tmp_path / "login", f'echo "$KUBERNETES_EXEC_INFO $WHO $1" >> {runs}\ncat {printed}'
    )
    printed.write_text(credential("one"))
    server.token = "Bearer one"
    who = FromProgram(
        Program(
            command=command, arguments=("now",), environment={"WHO": "ada"}, cluster={"server": "s"}
        )
    )
    async with to(server.url, who) as cluster:
        await asyncio.gather(*(cluster.get(PODS, "ada") for _ in range(5)))
        assert len(runs.read_text().splitlines()) == 1
        told, rest = runs.read_text().split(" ada ")
        assert json.loads(told)["spec"] == {"interactive": False, "cluster": {"server": "s"}}
        assert rest == "now\n"
        server.token = "Bearer two"
        printed.write_text(credential("two", "2020-01-01T00:00:00Z"))
        await asyncio.gather(*(cluster.get(PODS, "ada") for _ in range(5)))
        runs_then = len(runs.read_text().splitlines())
        await cluster.get(PODS, "ada")
        assert len(runs.read_text().splitlines()) == runs_then + 1, "it has run out"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo you must log in >&2; exit 3", "failed with exit code 3: you must log in"),
        ("echo hello", "printed something else"),
        ("true", "printed something else"),
    ],
)
async def test_a_program_that_fails_is_heard(
    server: ApiServer, tmp_path: Path, text: str, words: str
) -> None:
    who = FromProgram(Program(command=program(tmp_path / "login", text)))
    async with to(server.url, who) as cluster:
        with pytest.raises(Unauthenticated, match=words):
            await cluster.get(PODS, "ada")


async def test_certificates_on_both_sides() -> None:
    authority = Authority()
    async with ApiServer().serving(authority.server(ask=True)) as server:
        pair = Pair(*authority.person("ada"))
        trust = Trust(authority.pem)
        async with to(server.url, Fixed(Shown("", pair)), trust=trust, pair=pair) as cluster:
            await cluster.create(PODS, POD)
        subject = dict(part[0] for part in server.requests[0].peer["subject"])
        assert subject["commonName"] == "ada"
        async with to(server.url, trust=trust) as cluster:
            with pytest.raises(Unreachable):
                await cluster.get(PODS, "ada")


async def test_a_program_may_give_another_certificate(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.person("ada")
    given = json.loads(credential(""))
    given["status"] = {"clientCertificateData": certificate, "clientKeyData": key}
    printed = tmp_path / "printed"
    printed.write_text(json.dumps(given))
    who = FromProgram(Program(command=program(tmp_path / "login", f"cat {printed}")))
    async with (
        ApiServer().serving(authority.server(ask=True)) as server,
        to(server.url, who, trust=Trust(authority.pem)) as cluster,
    ):
        await cluster.create(PODS, POD)
        await cluster.get(PODS, "ada")
        assert server.connections == 1


async def test_a_stranger_s_certificate_is_not_trusted() -> None:
    async with ApiServer().serving(Authority().server()) as server:
        async with to(server.url, trust=Trust(Authority().pem)) as cluster:
            with pytest.raises(Unreachable, match="certificate we do not trust"):
                await cluster.get(PODS, "ada")
        assert not server.requests
        async with to(server.url, trust=Trust(insecure=True)) as cluster:
            assert await cluster.get(PODS, "ada") is None


async def test_the_name_in_the_certificate_may_be_another() -> None:
    authority = Authority()
    async with ApiServer().serving(authority.server("kubernetes.local")) as server:
        async with to(server.url, trust=Trust(authority.pem)) as cluster:
            with pytest.raises(Unreachable, match="do not trust"):
                await cluster.get(PODS, "ada")
        trust = Trust(authority.pem, "kubernetes.local")
        async with to(server.url, Fixed(Shown(bearer("x"))), trust=trust) as cluster:
            assert await cluster.get(PODS, "ada") is None


async def test_a_key_of_another_certificate() -> None:
    authority = Authority()
    pair = Pair(authority.person("ada")[0], authority.person("bob")[1])
    with pytest.raises(BadKubeconfig, match="do not belong together"):
        await Cluster.connect(Access("https://127.0.0.1:1", "hub", "a file", pair=pair))
