"""One canonical form of a path: the hub answers the vectors as the proxy does (decisions.md)."""

import json
from pathlib import Path
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.routes import prefix
from perijove.kit.paths import canonical
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, user

VECTORS: list[tuple[str, str | None]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "paths.json").read_text()
)["paths"]
of({})  # settings read their tables when they are first used


@pytest.fixture
async def running(database: Database) -> Running:
    it = await hub(database)
    for name in ("ada", "al", "a/b", "你好", "a b", "a+b", "~ada", "ada@example.org"):
        await it.hub.accounts.add(name)
    return it


async def ask(running: Running, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return what the hub answers to a path that no client library has touched."""
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "-", "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "client": ("203.0.113.9", 1), "server": ("hub", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await running.app(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(it.get("body", b"") for it in sent[1:])


async def test_outside_the_hub_every_vector_leads_to_its_canonical_form(running: Running) -> None:
    for sent, expected in VECTORS:
        status, headers, _ = await ask(running, sent)
        if expected is None:
            assert status == 400, sent
        elif not expected.startswith("/hub/"):
            assert (status, headers["location"]) == (302, f"/hub{expected}"), sent
        else:
            assert status in {302, 404}, sent


async def test_below_the_hub_two_paths_of_one_form_get_one_answer(running: Running) -> None:
    token = {"authorization": f"token {ADMIN_TOKEN}", "accept": "application/json"}
    seen = set()
    for sent, expected in VECTORS:
        if not sent.startswith("/user/"):
            continue
        status, _, body = await ask(running, f"/hub{sent}", **token)
        if expected is None:
            assert status == 400, sent
        else:
            again = await ask(running, f"/hub{expected}", **token)
            assert status == again[0], sent
            assert status == 404 or body == again[2], sent  # the page of a 404 shows the time
        seen.add(status)
    assert {400, 404, 424} <= seen


async def test_the_api_knows_one_form_and_keeps_an_escaped_slash(running: Running) -> None:
    token = {"authorization": f"token {ADMIN_TOKEN}"}
    for path, name in (
        ("/hub/api/users/%61da", "ada"),
        ("/hub/api/users/al/../ada", "ada"),
        ("/hub/api/users/al/%2e%2e/ada", "ada"),
        ("/hub/../hub/./api/users/ada", "ada"),
        ("/%68ub/api/users/ada", "ada"),
        ("/hub/api/users/a%2fb", "a/b"),
        ("/hub/api/users/a%2Fb", "a/b"),
        ("/hub/api/users/a+b", "a+b"),
        ("/hub/api/users/a%2bb", "a+b"),
        ("/hub/api/users/%7eada", "~ada"),
        ("/hub/api/users/%e4%bd%a0%e5%a5%bd", "你好"),
    ):
        status, _, body = await ask(running, path, **token)
        assert (status, json.loads(body).get("name")) == (200, name), path
    for path in ("/hub/api/users/%zz", "/hub/api/users/a%0ab", "/hub/api/users/100%"):
        status, headers, body = await ask(running, path, **token)
        assert (status, json.loads(body)["code"]) == (400, "bad-path"), path
        assert headers["content-type"] == "application/problem+json"
    assert (await ask(running, "/hub/api/users/%2561da", **token))[0] == 404


async def test_dots_lead_nobody_past_what_guards_a_path(running: Running) -> None:
    """What is matched is what is checked: an anonymous path with dots is its resolved form."""
    for path in (
        "/hub/static/../api/users",
        "/hub/user/ada/../../api/users",
        "/hub/x/%2e./api/users",
    ):
        status, _, body = await ask(running, path)
        assert (status, json.loads(body)["code"]) == (403, "anonymous"), path


def test_the_routes_of_the_feed_are_canonical() -> None:
    for name in ("ada", "a/b", "你好", "a b", "a+b", "~ada", "ada@example.org", "a%b", "a;b"):
        path = prefix("/", name, "").encode()
        assert canonical(path) == path


async def test_a_stopped_server_is_named_in_its_canonical_form(running: Running) -> None:
    browser = Browser(running)
    await browser.sign_in(await user(running, "a+b"))
    answer = await browser.get("hub/user/a+b/api/status")
    assert "no longer running at /user/a%2Bb/." in answer.json()["message"]
