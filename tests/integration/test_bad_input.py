"""Whatever is sent to whichever endpoint: no 5xx, and every refusal says why."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode

from perijove.http.gathered import Gathered
from perijove.settings import of
from perijove.store.open import open_database
from tests.bar import size
from tests.parts import ADMIN_TOKEN, free_port, hub

TREE = {"hub": {"allowNamedServers": True, "apiCallsPerSecond": 0}}
of(TREE)  # settings read their tables when they are first used
BY = {"authorization": f"token {ADMIN_TOKEN}"}
ENOUGH = settings(
    max_examples=size(15, 5, 80),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
)
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
    if answer.status_code >= 400:
        body = answer.json()
        if "error" in body:
            assert body["error_description"], where
            return
        assert body["status"] == answer.status_code, where
        assert body["message"], where


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_is_made_from_the_description_never_breaks_the_hub(
    address: str, document: dict[str, Any], mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    called = 0
    for path, operations in document["paths"].items():
        if path.endswith(("/feed", "/shutdown")):
            continue  # one waits on purpose; the other ends the hub, which a test of its own shows
        for method in operations:
            operation = schema[path][method.upper()]
            called += _run(operation.as_strategy(generation_mode=mode), f"{method} {path}")
    assert called > size(15, 100, 5_000), called  # twice: of what makes sense, and of what does not


def _run(cases: SearchStrategy[Any], where: str) -> int:
    """Make calls; return how many."""
    made: list[int] = []

    @ENOUGH
    @given(case=cases)
    def run(case: Any) -> None:
        answer = case.call(headers={**(case.headers or {}), **BY}, timeout=10)
        require_words(answer, where)
        made.append(answer.status_code)

    try:
        run()
    except Unsatisfiable:
        return 0  # nothing of it can be wrong
    return len(made)


@pytest.mark.parametrize(
    "user", ["ada", "nobody", "%00", "%ff", "..%2f", "%F0%9F%98%80", "x" * 3000]
)
def test_odd_bodies_and_odd_names_are_refused_in_words(
    address: str, document: dict[str, Any], user: str
) -> None:
    bodies = ODD if user == "ada" else ODD[:2]
    with httpx.Client(base_url=address, headers=BY, timeout=10) as client:
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
