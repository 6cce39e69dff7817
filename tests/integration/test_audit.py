"""The audit log: every call that changes something leaves who, what, to whom, from where."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perijove.app import Running
from perijove.http.route import Route
from perijove.http.xsrf import SAFE
from perijove.kit.journal import Journal, broken, lines
from perijove.kit.tasks import in_background
from perijove.model.server import Phase
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.integration.test_surface import NEAR, sign_in
from tests.parts import ADMIN_TOKEN, PROXY_TOKEN, hub, services, user

TREE = services(reader=("read:users",))
of(TREE)  # settings read their tables when they are first used
PASSWORD = "a sentence works well"
SILENT = {
    ("POST", "/users/{user}/activity"),
    ("POST", "/proxy/activity"),
    ("POST", "/oauth2/token"),
    ("POST", "/people"),
    ("POST", "/spawn"),
    ("POST", "/security/csp-report"),
    *((method, f"/user/{{user}}{more}") for method in ("POST", "PUT", "PATCH", "DELETE")
      for more in ("", "/{*path}")),
}  # fmt: skip
"""What leaves no entry, each with its reason in the table of routes."""


class Watched:
    """A hub whose audit log is a file."""

    def __init__(self, running: Running, path: Path) -> None:
        self.running, self.path = running, path

    async def entries(self) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            assert list(broken(lines(self.path))) == []
            return [json.loads(line) for line in lines(self.path)]

        return await asyncio.to_thread(read)

    async def last(self) -> dict[str, Any]:
        return (await self.entries())[-1]

    def client(self, token: str = ADMIN_TOKEN, address: str = "203.0.113.9") -> Browser:
        return Browser(self.running, address, authorization=f"token {token}")


@pytest.fixture
async def watched(database: Database, tmp_path: Path) -> AsyncIterator[Watched]:
    journal = Journal(tmp_path / "audit.log")
    it = await hub(database, tree=TREE, journal=journal)
    await it.hub.accounts.create("ada", password=PASSWORD)
    async with in_background(it.life.run()):
        yield Watched(it, tmp_path / "audit.log")
    await asyncio.to_thread(journal.close)


async def test_every_call_that_changes_something_leaves_one_entry(watched: Watched) -> None:
    root = Browser(watched.running)
    await root.sign_in(await user(watched.running, "root", admin=True))
    walked = set()
    for template, row in watched.running.app.rows:
        if row.method in SAFE:
            continue
        path = re.sub(r"\{\*?(\w+)\}", "ada", template)
        before = len(await watched.entries())
        watched.running.app.front.audit.refusals._told.clear()  # one of many a minute is told
        if isinstance(row, Route):
            token = PROXY_TOKEN if "proxy" in row.path else ADMIN_TOKEN
            answer = await watched.client(token).http.request(row.method, path, json={})
        else:  # refused for want of the XSRF value, or of what the form should hold
            answer = await root.http.request(row.method, path)
        entries = (await watched.entries())[before:]
        key = (row.method, row.path)
        walked.add(key)
        assert bool(row.unaudited) is (key in SILENT), key
        if row.unaudited or (answer.status_code >= 400 and not isinstance(row, Route)
                             and row.public and not entries):  # fmt: skip
            assert entries == [], key
            continue
        assert [it["call"] for it in entries] == [f"{row.method} {row.path}"], key
        entry = entries[0]
        assert entry["status"] == answer.status_code
        assert entry["from"] == "203.0.113.9"
        assert entry["who"] in {"perijove-cli", "perijove-proxy", "root"}, key
        if answer.status_code >= 400:
            assert entry["error"], key
    assert len(walked) > 45
    assert walked >= SILENT


@pytest.mark.parametrize(
    ("address", "told", "kept"),
    [
        (NEAR, ["5f0c1a2b-7"], True),
        ("203.0.113.9", ["5f0c1a2b-7"], False),
        (NEAR, ["one", "two"], False),
        (NEAR, ["x" * 129], False),
        (NEAR, ['"}\x1b[2J'], False),
        (NEAR, [""], False),
    ],
)
async def test_a_request_has_the_id_that_a_trusted_proxy_has_given_it(
    watched: Watched, address: str, told: list[str], *, kept: bool
) -> None:
    client = watched.client(address=address)
    headers = [("x-request-id", it) for it in told]
    made = await client.post("hub/api/users", json={"usernames": ["bob"]}, headers=headers)
    assert made.status_code == 201
    found = (await watched.last())["request"]
    assert made.headers.get_list("x-request-id") == [found]
    assert (found == told[0]) is kept
    assert kept or re.fullmatch(r"[0-9a-f]{8}-[0-9]+", found)


async def test_it_says_who_did_what_to_whom_and_by_which_means(watched: Watched) -> None:
    made = await watched.client().post("hub/api/users", json={"usernames": ["bob", "eve"]})
    entry = await watched.last()
    assert made.status_code == entry["status"] == 201
    assert made.headers["x-request-id"] == entry["request"]
    assert (entry["who"], entry["kind"], entry["by"]) == ("perijove-cli", "service", "token")
    assert entry["details"] == {"users": ["bob", "eve"], "admin": False}
    token = (await watched.client().post("hub/api/users/ada/tokens", json={"note": "mine"})).json()
    entry = await watched.last()
    assert entry["about"] == {"user": "ada"}
    assert entry["details"] == {"token": token["id"], "note": "mine", "scopes": ["inherit"]}
    ada = watched.client(token["token"], "198.51.100.7")
    assert (await ada.post("hub/api/users/ada/server")).status_code == 202
    entry = await watched.last()
    assert (entry["who"], entry["kind"], entry["by"]) == ("ada", "user", f"token {token['id']}")
    assert (entry["from"], entry["call"]) == ("198.51.100.7", "POST /users/{user}/server")
    assert (await ada.post("hub/api/users/eve/server")).status_code == 404
    entry = await watched.last()
    assert (entry["status"], entry["about"], entry["error"]) == (404, {"user": "eve"}, "unknown")
    ids = [it["request"] for it in await watched.entries()]
    assert len(set(ids)) == len(ids) == 4


async def test_sign_ins_are_told_those_that_fail_too_but_not_without_end(watched: Watched) -> None:
    right = Browser(watched.running, NEAR)
    assert (await sign_in(right, "ada", PASSWORD)).status_code == 302
    assert (await watched.last())["details"] == {"name": "ada"}
    await right.get("hub/logout")
    entry = await watched.last()
    assert (entry["call"], entry["who"], entry["by"]) == ("GET /logout", "ada", "session")
    wrong = Browser(watched.running, "203.0.113.66")
    for _ in range(40):
        await sign_in(wrong, "ada", "a guess")
    failed = [it for it in await watched.entries() if it["from"] == "203.0.113.66"]
    assert 1 <= len(failed) <= 30
    assert all(it["details"] == {"name": "ada", "refused": "wrong-password"} for it in failed)
    assert all(it["status"] == 403 and it["who"] is None for it in failed)


async def test_what_of_many_steps_was_not_done_is_told(watched: Watched) -> None:
    me = await user(watched.running, "root", admin=True)
    root = Browser(watched.running)
    await root.sign_in(me)
    ada = await watched.running.hub.accounts.named("ada")
    assert ada
    form = {"_xsrf": await root.xsrf(), "user": [str(ada.id), str(me.id)]}
    assert (await root.post("hub/people/block", data=form)).status_code == 200
    entry = await watched.last()
    assert entry["details"]["users"] == ["ada", "root"]
    assert entry["details"]["failed"] == {"root": "own-account"}


async def test_a_stranger_writes_nothing(watched: Watched) -> None:
    stranger = Browser(watched.running)
    for _ in range(3):
        assert (await stranger.post("hub/api/users", json={})).status_code == 403
        assert (await stranger.http.delete("/hub/api/users/ada")).status_code == 403
        assert (await stranger.post("user/ada/api/contents")).status_code == 424
    assert await watched.entries() == []


async def test_whoever_enters_the_server_of_another_is_told_as_whom(watched: Watched) -> None:
    running = watched.running
    assert (await watched.client().post("hub/api/users/ada/server")).status_code == 202
    while (await running.hub.servers.running())[0].phase is not Phase.RUNNING:
        await asyncio.sleep(0.01)
    root = Browser(running)
    await root.sign_in(await user(running, "root", admin=True))
    form = {"_xsrf": await root.xsrf(), "why": "she asked me to"}
    assert (await root.post("hub/visit/ada", data=form)).status_code == 303
    entry = await watched.last()
    assert (entry["who"], entry["by"], entry["about"]) == ("root", "session", {"user": "ada"})
    assert entry["details"] == {"as": "ada", "why": "she asked me to"}


async def test_what_is_shared_with_whom_is_told_and_no_code(watched: Watched) -> None:
    root, owner = watched.client(), await user(watched.running, "ada")
    await user(watched.running, "bob")
    await watched.running.hub.servers.start(owner, "", {})
    bobs: dict[str, Any] = {"user": "bob", "scopes": ["servers"]}
    calls: list[tuple[str, str, Any, Any]] = [
        ("POST", "shares/ada/", bobs, {"user": "bob", "scopes": ["servers"]}),
        ("PATCH", "shares/ada/", {"user": "bob"}, {"user": "bob", "scopes": ["all"]}),
        ("POST", "share-codes/ada/", {}, None),
        ("DELETE", "share-codes/ada/", None, {"share_code": "all"}),
        ("DELETE", "shares/ada/", None, None),
    ]
    for method, path, body, told in calls:
        answer = await root.http.request(method, f"/hub/api/{path}", json=body)
        assert answer.status_code in {200, 204}, answer.text
        entry = await watched.last()
        assert entry["call"] == f"{method} /{path.partition('/')[0]}/{{user}}/{{server}}"
        assert entry["about"]["user"] == "ada"
        if told is not None:
            assert entry["details"] == told
        if method == "POST" and "code" in path:
            made = answer.json()
            assert entry["details"]["share_code"] == made["id"]
            assert made["code"] not in json.dumps(await watched.entries())


async def test_no_secret_is_in_it(watched: Watched) -> None:
    client = watched.client()
    token = (await client.post("hub/api/users/ada/tokens", json={})).json()["token"]
    changed = {"password": "another good sentence"}
    assert (await client.http.patch("/hub/api/users/ada", json=changed)).status_code == 200
    form = {"auth": {"username": "ada", "password": "another good sentence"}}
    assert (await Browser(watched.running).post("hub/api/users/ada/tokens", json=form)).is_success
    text = json.dumps(await watched.entries())
    for secret in (token, "another good sentence", ADMIN_TOKEN):
        assert secret not in text
    assert '"password": "new"' in text


async def test_who_asks_in_vain_all_the_time_pushes_nothing_out(watched: Watched) -> None:
    made = (await watched.client().post("hub/api/users/ada/tokens", json={})).json()
    ada = watched.client(made["token"])
    for _ in range(60):
        assert (await ada.http.delete("/hub/api/users/root")).status_code == 403
    of_ada = [it for it in await watched.entries() if it["who"] == "ada"]
    assert 20 <= len(of_ada) <= 40  # a minute may have ended meanwhile
    assert (await ada.post("hub/api/users/ada/server")).status_code == 202
    assert (await watched.last())["call"] == "POST /users/{user}/server"
