"""Whoever sends whatever to whichever endpoint: no 5xx, and every refusal says why."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from perijove.http.gathered import Gathered
from perijove.settings import of
from perijove.store.open import open_database
from tests.bar import size
from tests.parts import ADMIN_TOKEN, hub, services
from tests.ports import free_port

FEW = services(
    few=("list:users", "read:users:name!user=ada", "servers!user=ada", "tokens!user=ada")
)
TREE = {"hub": {**FEW["hub"], "allowNamedServers": True, "apiCallsPerSecond": 0}}
of(TREE)  # settings read their tables when they are first used
BY = {"authorization": f"token {ADMIN_TOKEN}"}
CALLERS = ("administrator", "person", "service", "nobody")
FULL = size(15, 0, 1)
ALWAYS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "derandomize": True,
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_SEED = 11
"""With which two walks already make something, show it and remove it."""
LEFT_OUT = ("/feed", "/shutdown")
"""One waits on purpose; the other ends the hub, which a test of its own shows."""
ODD: list[bytes] = [
    b"", b"{", b"null", b"1", b'"x"', b"[]", b"[[1]]", b"\xff\xfe\x00", b"\x00", b"{}" * 2,
    b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"admin": "yes"}', b'{"usernames": {}}',
    b'{"usernames": [1]}', b'{"routes": []}', b'{"servers": [1]}', b"[" * 100_000,
    b'{"x": "' + b"y" * 1_200_000 + b'"}', b'{"note": ' + b"9" * 5000 + b"}",
]  # fmt: skip


async def _serve(path: Path, port: int, ready: threading.Event, over: threading.Event) -> None:
    database = await open_database(f"{path}/hub.sqlite")
    running = await hub(database, tree=TREE)
    await running.hub.accounts.add("ada")
    await running.hub.accounts.add("bob")
    server = uvicorn.Server(uvicorn.Config(
        running.app, port=port, http=Gathered, log_level="error", lifespan="off",
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=1,
    ))  # fmt: skip
    work = [asyncio.create_task(running.life.run()), asyncio.create_task(server.serve())]
    while not server.started:
        await asyncio.sleep(0.02)
    ready.set()
    await asyncio.to_thread(over.wait)
    server.should_exit = True
    await work[1]
    work[0].cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await database.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub behind a real socket, in a thread of its own."""
    port, ready, over = free_port(), threading.Event(), threading.Event()
    path = tmp_path_factory.mktemp("hub")
    thread = threading.Thread(target=lambda: asyncio.run(_serve(path, port, ready, over)))
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{port}"
    over.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def document(address: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{address}/hub/api/openapi.json").json()
    return found


def require_words(answer: Any, where: str) -> None:
    """Refuse an answer that fails without saying why."""
    assert answer.status_code < 500, (where, answer.text)
    if answer.status_code >= 400 and where.endswith("/metrics"):
        assert "<h1>" in answer.text, where
    elif answer.status_code >= 400:
        body = answer.json()
        if "error" in body:
            assert body["error_description"], where
            return
        assert body["status"] == answer.status_code, where
        assert body["message"], where


@pytest.fixture(scope="module")
def callers(address: str) -> dict[str, dict[str, str]]:
    """What each caller shows: the administrator, a person, a service of few scopes, nobody."""
    made = httpx.post(f"{address}/hub/api/users/bob/tokens", headers=BY).json()
    return {
        "administrator": BY,
        "person": {"authorization": f"token {made['token']}"},
        "service": {"authorization": "token few-token"},
        "nobody": {},
    }


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_made_from_the_description_never_breaks_the_hub(
    address: str,
    document: dict[str, Any],
    callers: dict[str, dict[str, str]],
    caller: str,
    mode: GenerationMode,
) -> None:
    schema = schemathesis.openapi.from_dict(deepcopy(document))
    schema.config.update(base_url=address)
    called, seen = 0, set[int]()
    each = (2 if caller == "administrator" else 1) if not FULL else 24
    for path, operations in document["paths"].items():
        if path.endswith(LEFT_OUT):
            continue
        for method in operations:
            operation = schema[path][method.upper()]
            cases = operation.as_strategy(generation_mode=mode)
            statuses = _run(cases, f"{method} {path}", callers[caller], each)
            called, seen = called + len(statuses), seen | set(statuses)
    sys.stdout.write(f"{caller}, {mode.value}: {called} calls, answered with {sorted(seen)}" + "\n")
    assert called > each * 40, called
    if caller == "nobody":
        assert 403 in seen


def _run(cases: SearchStrategy[Any], where: str, by: dict[str, str], each: int) -> list[int]:
    """Make at most `each` calls; return how they were answered."""
    made: list[int] = []

    @settings(max_examples=each, phases=[Phase.generate], **ALWAYS)
    @given(case=cases)
    def run(case: Any) -> None:
        answer = case.call(headers={**(case.headers or {}), **by}, timeout=30)
        require_words(answer, where)
        if answer.status_code < 400:  # a case that is wrong on purpose is no promise of ours
            case.validate_response(answer, checks=CHECKS)
        made.append(answer.status_code)

    try:
        run()
    except Unsatisfiable:
        return []  # nothing of it can be wrong
    return made


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_made_is_shown_changed_and_removed_whoever_asks(
    address: str, document: dict[str, Any], callers: dict[str, dict[str, str]], caller: str
) -> None:
    """Calls that follow from each other, by the links of the description."""
    schema = schemathesis.openapi.from_dict(deepcopy(document)).exclude(
        path_regex="(feed|shutdown)$"
    )
    schema.config.update(base_url=address)
    by, walked, failed = callers[caller], list[tuple[str, int]](), list[Exception]()

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {**(case.headers or {}), **by}, "timeout": 10}

        def validate_response(self, response: Any, case: Any, *args: Any, **more: Any) -> None:
            del args, more
            walked.append((case.method, response.status_code))
            try:
                require_words(response, f"{case.method} {case.path}")
                if response.status_code < 400:
                    case.validate_response(response, checks=CHECKS)
            except Exception as error:
                failed.append(error)  # it may not fail again: the hub remembers what was done
                raise

    walks = 60 if FULL else 2
    for number in range(_SEED, _SEED + walks):
        seed(number)(Walk)
        with suppress(FlakyStrategyDefinition):  # one walk finds what another has left
            Walk.run(settings=settings(max_examples=2, stateful_step_count=12, **ALWAYS))
    assert not failed, failed
    sys.stdout.write(
        f"{caller}: {len(walked)} steps, answered with {sorted({it for _, it in walked})}" + "\n"
    )
    assert len(walked) > walks * 3
    assert {"POST", "GET", "DELETE"} & {method for method, _ in walked}
    if FULL and caller == "administrator":
        assert any(status < 300 for _, status in walked)


def _links(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the links of what is made, by the method and the path that make it."""
    return {
        (method, path): answer["links"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for answer in operation["responses"].values()
        if "links" in answer
    }


def test_a_link_names_an_operation_and_all_that_its_path_needs(document: dict[str, Any]) -> None:
    links = _links(document)
    assert len(links) == 10
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    for (_, path), led in links.items():
        assert {"show", "remove"} <= set(led), path
        for link in led.values():
            parameters = operations[link["operationId"]]["parameters"]
            needed = {it["name"] for it in parameters if it["in"] == "path"}
            assert set(link["parameters"]) == needed, (path, link)
            for told in link["parameters"].values():
                _, _, name = told.partition("$request.path.")
                assert told.startswith("$response.body#/") or f"{{{name}}}" in path, (path, told)


def test_a_link_leads_to_what_was_made(address: str, document: dict[str, Any]) -> None:
    """As the description says it, with names that are spelled otherwise than they are sent."""
    links = _links(document)
    by_id = {
        operation["operationId"]: (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    bodies: dict[str, Any] = {
        "/hub/api/users": {"usernames": ["Zoe"]},
        "/hub/api/groups": {"groups": ["linked"]},
        "/hub/api/services/{service}": {"info": {}},
    }
    given = {"user": "Linked", "group": "of-links", "service": "linked", "server": "linked"}
    with httpx.Client(base_url=address, headers=BY, timeout=30) as client:
        client.post("/hub/api/users/linked")
        for (method, path), led in links.items():
            if path.endswith("/server") or (method == "post" and "/servers/" in path):
                continue  # a start is removed in other tests: it waits for nothing here
            names = {**given, "user": "linked"} if path != "/hub/api/users/{user}" else given
            if path == "/hub/api/users/{user}":
                client.delete("/hub/api/users/linked")
            made = client.request(method, path.format(**names), json=bodies.get(path, {}))
            assert made.status_code == 201, (path, made.text)
            for word in ("show", "remove"):
                verb, there = by_id[led[word]["operationId"]]
                found = {
                    name: _value(told, names, made.json())
                    for name, told in led[word]["parameters"].items()
                }
                answer = client.request(verb, there.format(**found))
                assert answer.is_success, (path, word, answer.text)
            if path == "/hub/api/users/{user}":
                client.post("/hub/api/users/linked")


def _value(told: str, names: dict[str, str], body: Any) -> str:
    """Return what a runtime expression of OpenAPI stands for."""
    if told.startswith("$request.path."):
        return names[told.rpartition(".")[2]]
    for part in told.removeprefix("$response.body#/").split("/"):
        body = body[int(part)] if isinstance(body, list) else body[part]
    return str(body)


@pytest.mark.parametrize(
    "user", ["ada", "nobody", "%00", "%ff", "..%2f", "%F0%9F%98%80", "x" * 3000]
)
def test_odd_bodies_and_odd_names_are_refused_in_words(
    address: str, document: dict[str, Any], user: str
) -> None:
    bodies = ODD if user == "ada" else ODD[:2]
    with httpx.Client(base_url=address, headers=BY, timeout=30) as client:
        assert client.post("/hub/api/users/ada").status_code in {201, 409}
        for path, operations in document["paths"].items():
            if path.endswith(("/feed", "/shutdown", "/progress")):
                continue
            where = path.replace("{user}", user).replace("{server}", "x").replace("{token}", "a1")
            for method in operations:
                for body in bodies:
                    for kind in ("application/json", "text/plain"):
                        answer = client.request(
                            method, where, content=body, headers={"content-type": kind}
                        )
                        require_words(answer, f"{method} {where} {body[:20]!r}")
