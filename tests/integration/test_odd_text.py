"""Text that no database can hold, wherever servers are named, described or talked about."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from perijove.app import running_hub
from perijove.settings import of
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts

HALF, NUL = "\ud800", "\0"
NOW = "2026-01-01T00:00:00Z"
SETTINGS = of({"hub": {"allowNamedServers": True}})


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with running_hub(SETTINGS, parts(database)) as it:
        await it.hub.accounts.add("ada")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=it.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {ADMIN_TOKEN}", "content-type": "application/json"},
        ) as client:
            yield client


def refused(answer: httpx.Response) -> dict[str, Any]:
    said: dict[str, Any] = answer.json()
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert said["status"] == answer.status_code
    assert len(said["message"]) > 8
    return said


NESTED = ['{"a":' * levels + "1" + "}" * levels for levels in (65, 252, 900, 3000)]


@pytest.mark.parametrize(
    "options",
    [
        *map(json.dumps, [{"image": HALF}, {HALF: 1}, {"a": [{"b": HALF}]}]),
        *map(json.dumps, [{"a": float("nan")}, {"a": [float("-inf")]}]),
        '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", "[" * 5000, *NESTED,
    ],
    ids=range(12),
)  # fmt: skip
async def test_options_that_cannot_be_kept_are_refused_in_words(
    client: httpx.AsyncClient, options: str
) -> None:
    said = refused(await client.post("/users/ada/server", content=options))
    assert said["status"] == 400
    assert (await client.get("/users/ada")).json()["servers"] == {}


async def test_options_come_back_as_they_were_given(client: httpx.AsyncClient) -> None:
    """A NUL in JSON is six characters of text: every database holds them."""
    deep: Any = 1
    for _ in range(63):
        deep = [deep]
    given = {"a": "\0", "b": "😀", "c": 10**30, "d": [None, True, 1e300], "e": deep}
    answer = await client.post("/users/ada/server", content=json.dumps(given))
    assert answer.status_code in {201, 202}
    shown = (await client.get("/users/ada")).json()["servers"][""]
    assert shown["user_options"] == given
    assert (await client.get("/users")).json()[0]["servers"][""]["user_options"] == given


@pytest.mark.parametrize("name", ["%ED%A0%80", "%00", "a%00b", "%FF", "a%0Ab", "%E2%80%8B"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_names_of_servers_in_paths(client: httpx.AsyncClient, method: str, name: str) -> None:
    refused(await client.request(method, f"/users/ada/servers/{name}"))
    refused(await client.request(method, f"/users/{name}/servers/x"))
    refused(await client.get(f"/users/ada/servers/{name}/progress"))


@pytest.mark.parametrize("odd", [HALF, NUL])
async def test_names_of_servers_in_bodies(client: httpx.AsyncClient, odd: str) -> None:
    report = {"servers": {odd: {"last_activity": NOW}}}
    refused(await client.post("/users/ada/activity", content=json.dumps(report)))
    refused(await client.post("/users/ada/activity", content=json.dumps({"last_activity": odd})))
    routes = {"routes": {f"/user/{odd}/": NOW}}
    counted = await client.post("/proxy/activity", content=json.dumps(routes))
    assert counted.status_code < 500
    removing = json.dumps({"remove": odd})
    refused(await client.request("DELETE", "/users/ada/servers/x", content=removing))
