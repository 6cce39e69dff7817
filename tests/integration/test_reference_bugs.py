"""What breaks JupyterHub 6.1.1 (hub.md 9.1), a test for each row; 9 and 10 stand elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from perijove.app import Running
from perijove.kit.tasks import in_background
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, user

TREE = {"hub": {"allowNamedServers": True}}
of(TREE)  # settings read their tables when they are first used


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    await user(it, "ada")
    async with in_background(it.life.run()):
        yield it


async def ask(running: Running, method: str, path: str, body: Any = None) -> httpx.Response:
    client = Browser(running, authorization=f"token {ADMIN_TOKEN}").http
    return await client.request(method, f"/hub/api{path}", json=body)


async def test_1_a_patch_with_the_same_name_leaves_the_name(running: Running) -> None:
    same = await ask(running, "PATCH", "/users/ada", {"name": "ada"})
    assert (same.status_code, same.json()["name"]) == (200, "ada")
    again = await hub(running.hub.accounts.database, tree=TREE)  # as after a restart
    assert (await ask(again, "GET", "/users/ada")).json()["name"] == "ada"


async def test_2_a_patch_of_groups_is_refused_in_words(running: Running) -> None:
    answer = await ask(running, "PATCH", "/users/ada", {"groups": ["g"]})
    assert (answer.status_code, answer.json()["params"]) == (400, {"field": "groups"})
    assert (await ask(running, "GET", "/users/ada")).json()["groups"] == []


@pytest.mark.parametrize("state", [{"token": "x"}, {}, None])
async def test_3_a_patch_of_auth_state_that_is_off_is_refused_in_words(
    running: Running, state: Any
) -> None:
    answer = await ask(running, "PATCH", "/users/ada", {"auth_state": state})
    assert (answer.status_code, answer.json()["code"]) == (400, "auth-state.off")
    assert "enable_auth_state" in answer.json()["message"]
    assert (await ask(running, "GET", "/users/ada")).json()["auth_state"] is None


async def test_4_a_patch_of_a_server_with_an_unknown_key_is_refused(running: Running) -> None:
    await ask(running, "PUT", "/users/ada/servers/lab")
    for path in ("/users/ada/server", "/users/ada/servers/lab"):
        answer = await ask(running, "PATCH", path, {"unknown": 1})
        assert (answer.status_code, answer.json()["params"]) == (400, {"field": "unknown"})


async def test_5_a_user_whose_server_starts_can_be_deleted(running: Running) -> None:
    assert (await ask(running, "POST", "/users/ada/server")).status_code == 202
    assert (await ask(running, "DELETE", "/users/ada")).status_code == 204
    assert (await ask(running, "GET", "/users/ada")).status_code == 404


async def test_6_the_stream_of_a_cancelled_start_says_failed(database: Database) -> None:
    it = await hub(database, FakeSpawner("i"), TREE)
    await user(it, "ada")
    await ask(it, "POST", "/users/ada/server")
    await ask(it, "DELETE", "/users/ada/server")
    async with in_background(it.life.run()), asyncio.timeout(20):
        answer = await ask(it, "GET", "/users/ada/server/progress")
    *_, last = [line for line in answer.text.split("\n\n") if line]
    event = json.loads(last.removeprefix("data: "))
    assert event["failed"] is True
    assert "ready" not in event


async def test_7_a_program_that_posts_to_a_stopped_server_is_told_so(running: Running) -> None:
    for path in ("/user/ada/api/contents", "/user/ada/api/kernels/x"):
        gone = await Browser(running).post(path.removeprefix("/"), content=b"x")
        assert (gone.status_code, gone.headers["content-type"]) == (424, "application/json")


async def test_8_every_error_says_something(running: Running) -> None:
    for path in ("/users/nobody", "/nothing", "/users/ada/tokens/a9", "/users/ada/server"):
        assert (await ask(running, "GET", path)).json()["message"], path
    for method, path in (("PUT", "/users/ada"), ("POST", "/health"), ("DELETE", "/users")):
        answer = await ask(running, method, path)
        assert (answer.status_code, bool(answer.json()["message"])) == (405, True)
