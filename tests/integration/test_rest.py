"""The REST API by the tables of hub.md: who may what, what is told, in which form."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perijove.app import Running
from perijove.http.page import Page
from perijove.http.route import Route
from perijove.kit.tasks import in_background
from perijove.model.scope import Kind
from perijove.model.signal import Signal
from perijove.model.workload import LaunchSpec, Observation, State
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, PROXY_TOKEN, hub, services, user

ASKING = services(
    nobody=("read:hub",),
    of_ada=("admin:users!user=ada", "servers!user=ada", "tokens!user=ada", "delete:users!user=ada"),
    of_course=("admin:users!group=course", "list:users!group=course"),
    of_lab=("read:servers!server=ada/lab", "list:users"),
    people=("admin:users", "tokens"),
    reader=("read:users", "list:users"),
    active=("users:activity",),
)
TREE = {"hub": {**ASKING["hub"], "allowNamedServers": True}}
of(TREE)  # settings read their tables when they are first used
PAGED = {"accept": "application/jupyterhub-pagination+json"}


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    await it.hub.accounts.add("ada", frozenset({"course"}))
    await it.hub.accounts.add("bob")
    async with in_background(it.life.run()):
        yield it


def by(running: Running, name: str) -> Browser:
    token = {"admin": ADMIN_TOKEN, "proxy": PROXY_TOKEN}.get(name, f"{name}-token")
    return Browser(running, authorization=f"token {token}")


async def api(running: Running, name: str, method: str, path: str, **more: Any) -> Any:
    return await by(running, name).http.request(method, f"/hub/api{path}", **more)


def concrete(path: str, who: str = "ada") -> str:
    return path.replace("{user}", who).replace("{server}", "lab").replace("{token}", "a1")


async def test_an_absent_scope_is_403_and_a_filtered_one_hides_what_there_is(
    running: Running,
) -> None:
    for template, row in running.app.rows:
        if not isinstance(row, Route) or not row.any_of or row.path == "/info":
            continue
        denied = await api(running, "nobody", row.method, concrete(row.path), json={})
        assert denied.status_code == 403, template
        assert "requires any of [" in denied.json()["message"]
        unknown = await by(running, "x").http.request(row.method, concrete(template))
        assert (unknown.status_code, unknown.json()["message"]) == (
            403, "Missing or invalid credentials.",
        )  # fmt: skip
        mine = {scope.name for scope in (await _scopes(running, "of_ada"))}
        if row.target in {Kind.USER, Kind.SERVER} and set(row.any_of) & mine:
            for name in ("bob", "nobody"):
                hidden = await api(running, "of_ada", row.method, concrete(row.path, name), json={})
                assert hidden.status_code == 404, template
                assert hidden.json()["message"] == "No access to resources or resources not found"


async def _scopes(running: Running, name: str) -> Any:
    principal = await running.hub.tokens.principal(f"{name}-token")
    assert principal
    return principal.scopes


async def test_a_filtered_scope_opens_nothing_that_has_no_target(running: Running) -> None:
    for name in ("of_course", "of_ada"):  # GHSA-69wv-m5fw-2fhp
        answer = await api(running, name, "POST", "/users", json={"usernames": ["new"]})
        assert answer.status_code in {403, 404}
    assert await running.hub.accounts.named("new") is None


async def test_only_administrators_make_and_remove_administrators(running: Running) -> None:
    await user(running, "root", admin=True)
    for method, path, body in (  # CVE-2024-41942, and its like in 6.1.1
        ("POST", "/users", {"usernames": ["new"], "admin": True}),
        ("POST", "/users/new", {"admin": True}),
        ("PATCH", "/users/ada", {"admin": True}),
        ("PATCH", "/users/root", {"admin": False}),
        ("DELETE", "/users/root", None),
    ):
        answer = await api(running, "people", method, path, json=body)
        assert answer.status_code == 403, (method, path)
    made = await api(running, "admin", "POST", "/users", json={"usernames": ["n"], "admin": True})
    assert (made.status_code, made.json()[0]["admin"]) == (201, True)


async def test_users_are_made_under_good_names_and_once(running: Running) -> None:
    made = await api(running, "people", "POST", "/users", json={"usernames": ["Ada", "Zoë@X"]})
    assert (made.status_code, [it["name"] for it in made.json()]) == (201, ["zoë@x"])
    again = await api(running, "people", "POST", "/users", json={"usernames": ["ada"]})
    assert again.status_code == 409
    one = await api(running, "people", "POST", "/users/Carl")
    assert (one.status_code, one.json()["name"]) == (201, "carl")
    assert (await api(running, "people", "POST", "/users/carl")).status_code == 409
    for name in ("..", "%2e%2e", "a%0ab", "a%00b", "x" * 300, "a%E2%80%8Bb", "p\u0430ypal"):
        answer = await api(running, "people", "POST", f"/users/{name}")
        assert 400 <= answer.status_code < 500, name
        assert answer.json()["message"]


async def test_an_unchanged_name_and_an_unknown_key_break_nothing(running: Running) -> None:
    same = await api(running, "people", "PATCH", "/users/ada", json={"name": "ada"})
    assert (same.status_code, same.json()["name"]) == (200, "ada")
    odd: dict[str, Any]
    for odd in ({"groups": ["x"]}, {"roles": []}, {"unknown": 1}, {"admin": "yes"}):
        answer = await api(running, "people", "PATCH", "/users/ada", json={"admin": False, **odd})
        assert answer.status_code == 400, odd
    assert (await api(running, "admin", "GET", "/users/ada")).json()["name"] == "ada"


async def test_a_user_whose_server_starts_can_be_deleted(running: Running) -> None:
    assert (await api(running, "admin", "POST", "/users/bob/server")).status_code == 202
    assert (await api(running, "admin", "DELETE", "/users/bob")).status_code == 204
    assert (await api(running, "admin", "GET", "/users/bob")).status_code == 404


async def test_pages_of_users_lead_to_each_other(running: Running) -> None:
    await running.hub.newcomers.add([f"u{n:03}" for n in range(248)])
    path, seen = "/hub/api/users?limit=100&name_filter=u", []
    browser = by(running, "admin")
    while path:
        page = (await browser.http.get(path, headers=PAGED)).json()
        seen += [it["name"] for it in page["items"]]
        assert page["_pagination"]["total"] == 248
        following = page["_pagination"]["next"]
        path = following["url"] if following else ""
        assert not path or path.startswith("http://hub.test/hub/api/users?name_filter=u&offset=")
    assert seen == [f"u{n:03}" for n in range(248)]
    plain = (await browser.get("hub/api/users")).json()
    assert len(plain) == 200
    default = (await browser.get("hub/api/users", headers=PAGED)).json()
    assert len(default["items"]) == 50
    clamped = (await browser.get("hub/api/users?limit=-5000", headers=PAGED)).json()
    assert clamped["_pagination"]["limit"] == 200
    last = (await browser.get("hub/api/users?sort=-name&limit=1", headers=PAGED)).json()
    assert last["items"][0]["name"] == "u247"
    for bad in ("limit=x", "offset=1.5", "state=x", "sort=size", "sort=--id"):
        assert (await browser.get(f"hub/api/users?{bad}")).status_code == 400, bad


async def test_lists_can_be_cut_to_what_runs(running: Running) -> None:
    await api(running, "admin", "POST", "/users/ada/server")
    async with asyncio.timeout(20):
        while not (await api(running, "admin", "GET", "/users?state=ready")).json():
            await asyncio.sleep(0.02)
    ready = (await api(running, "admin", "GET", "/users?state=ready")).json()
    assert [(it["name"], it["server"]) for it in ready] == [("ada", "/user/ada/")]
    server = ready[0]["servers"][""]
    assert server["full_name"] == "ada/"
    assert server["progress_url"] == "/hub/api/users/ada/server/progress"
    assert (server["ready"], server["pending"], server["stopped"]) == (True, None, False)
    assert server["state"]["workload"]
    idle = (await api(running, "admin", "GET", "/users?state=inactive")).json()
    assert [it["name"] for it in idle] == ["bob"]


async def test_a_token_of_one_server_sees_one_server(running: Running) -> None:
    for path in ("/users/ada/server", "/users/ada/servers/lab"):
        assert (await api(running, "admin", "POST", path)).status_code == 202
    (ada, bob) = (await api(running, "of_lab", "GET", "/users")).json()
    assert ada["servers"].keys() == {"lab"}
    assert "state" not in ada["servers"]["lab"]
    assert bob.keys() == {"kind", "name", "user_info", "admin"}


async def test_tokens_are_made_shown_once_and_revoked(running: Running) -> None:
    made = await api(running, "people", "POST", "/users/ada/tokens", json={"expires_in": 60})
    assert made.status_code == 201
    body = made.json()
    assert body["note"] == "Requested via api by service people"
    own = Browser(running, authorization=f"token {body['token']}")
    me = (await own.get("hub/api/user")).json()
    assert (me["name"], me["token_id"]) == ("ada", body["id"])
    listed = (await own.get("hub/api/users/ada/tokens")).json()["api_tokens"]
    assert [it["id"] for it in listed] == [body["id"]]
    assert "token" not in listed[0]
    path = f"hub/api/users/ada/tokens/{body['id']}"
    assert (await own.http.delete(f"/{path}")).status_code == 204
    assert (await own.get("hub/api/user")).status_code == 403


async def test_tokens_that_make_no_sense_are_refused(running: Running) -> None:
    for body in (
        {"expires_in": 0}, {"expires_in": -1}, {"expires_in": 1.5}, {"expires_in": "60"},
        {"expires_in": True}, {"expires_in": 10**30}, {"roles": ["user"], "scopes": ["self"]},
        {"scopes": ["admin:users"]}, {"scopes": ["nonsense"]}, {"scopes": "self"},
        {"roles": ["nonsense"]}, {"note": "a\x00b"}, {"note": 1},
    ):  # fmt: skip
        answer = await api(running, "people", "POST", "/users/ada/tokens", json=body)
        assert answer.status_code == 400, body
    for name, who in (("of_ada", "bob"), ("people", "nobody"), ("reader", "ada")):
        answer = await api(running, name, "POST", f"/users/{who}/tokens")
        assert answer.status_code == 403, (name, who)
    for token in ("1", "a", "a0", "b1", "a1x", "a" + "9" * 30):
        answer = await api(running, "people", "GET", f"/users/ada/tokens/{token}")
        assert answer.status_code == 404, token


async def test_a_name_and_a_password_make_a_token(running: Running) -> None:
    await running.hub.accounts.create("carl", password="a sentence works well")
    auth = {"username": "carl", "password": "a sentence works well"}
    stranger = Browser(running)
    made = await stranger.post("hub/api/users/carl/tokens", json={"auth": auth})
    assert made.status_code == 201
    wrong = await stranger.post(
        "hub/api/users/carl/tokens", json={"auth": {**auth, "password": "x"}}
    )
    assert wrong.status_code == 403
    other = await stranger.post("hub/api/users/ada/tokens", json={"auth": auth})
    assert other.status_code == 403


async def test_activity_goes_forward_only(running: Running) -> None:
    now = datetime.now(UTC)
    await api(running, "admin", "POST", "/users/ada/server")

    async def say(**body: Any) -> int:
        answer = await api(running, "active", "POST", "/users/ada/activity", json=body)
        assert answer.status_code != 200 or answer.content == b""
        return int(answer.status_code)

    at = now.isoformat().replace("+00:00", "Z")
    assert await say(last_activity=at, servers={"": {"last_activity": at}}) == 200
    old = (now - timedelta(hours=1)).isoformat()
    assert await say(last_activity=old, servers={"": {"last_activity": old}}) == 200
    model = (await api(running, "admin", "GET", "/users/ada")).json()
    assert datetime.fromisoformat(model["servers"][""]["last_activity"]) == now
    assert datetime.fromisoformat(model["last_activity"]) >= now
    assert await say(last_activity="2026-01-01T00:00:00.5") == 200
    late = (now + timedelta(hours=1)).isoformat()
    for bad in (
        {}, {"last_activity": "soon"}, {"last_activity": late}, {"last_activity": 1},
        {"servers": {"nope": {"last_activity": at}}}, {"servers": 1}, {"servers": {"": 1}},
    ):  # fmt: skip
        assert await say(**bad) == 400, bad


async def events(running: Running, path: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        answer = await api(running, "admin", "GET", f"/users/ada/{path}/progress")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("\n\n")
    lines = [line for line in answer.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_progress_ends_with_ready_and_says_so_again(running: Running) -> None:
    never = await api(running, "admin", "GET", "/users/ada/server/progress")
    assert never.status_code == 404
    await api(running, "admin", "POST", "/users/ada/server")
    for _ in range(2):
        *_, last = await events(running, "server")
        assert last["ready"] is True
        assert (last["progress"], last["url"]) == (100, "/user/ada/")
    await api(running, "admin", "DELETE", "/users/ada/server")
    async with asyncio.timeout(20):
        while not (await api(running, "admin", "GET", "/users/ada/server")).json()["stopped"]:
            await asyncio.sleep(0.02)
    stopped = await api(running, "admin", "GET", "/users/ada/server/progress")
    assert (stopped.status_code, "is not starting" in stopped.json()["message"]) == (400, True)


async def test_a_cancelled_start_has_failed_and_is_told_until_the_next(database: Database) -> None:
    it = await hub(database, FakeSpawner("i"), TREE)
    await it.hub.accounts.add("ada")
    await api(it, "admin", "POST", "/users/ada/server")
    await api(it, "admin", "DELETE", "/users/ada/server")
    async with in_background(it.life.run()):
        for _ in range(2):
            *_, last = await events(it, "server")
            assert (last["progress"], last["failed"]) == (100, True)
            assert "ready" not in last


class Held(FakeSpawner):
    """Finds no machine for a server, and then one."""

    async def start(self, spec: LaunchSpec) -> None:
        room = Signal(code="no-room-memory", params={"wanted": "4Gi", "why": "0/3 nodes"})
        pull = Signal(code="image-pulling", params={"image": "lab/torch:1"})
        if spec.name not in self.world:
            self.become(
                spec.name,
                Observation(state=State.PENDING, origin=spec.origin, signals=(room,)),
            )
            asyncio.get_running_loop().call_later(0.5, self.go, spec, (room, pull))

    def go(self, spec: LaunchSpec, signals: tuple[Signal, ...]) -> None:
        address = f"http://127.0.0.1:{spec.origin.port}"
        seen = Observation(
            state=State.PENDING, origin=spec.origin, signals=signals, address=address
        )
        self.become(spec.name, seen)
        asyncio.get_running_loop().call_later(
            0.5, self.become, spec.name, replace(seen, state=State.UP)
        )


async def test_progress_tells_once_what_a_place_says_of_a_start(database: Database) -> None:
    it = await hub(database, Held("i"), TREE)
    await it.hub.accounts.add("ada")
    async with in_background(it.life.run()):
        await api(it, "admin", "POST", "/users/ada/server")
        told = await events(it, "server")
    messages = [event["message"] for event in told]
    first = messages.index("No machine has 4 GiB of memory free.")
    second = messages.index("Getting the image lab/torch:1.")
    assert 0 < first < second < len(messages) - 1
    assert len(messages) == len(set(messages))
    assert not any("0/3" in message for message in messages)
    assert told[-1]["ready"] is True
    percents = [event["progress"] for event in told]
    assert percents == sorted(percents)


async def test_the_feed_and_the_activity_of_routes(running: Running) -> None:
    whole = (await api(running, "proxy", "GET", "/proxy/feed")).json()
    assert whole["routes"]["/"]["data"] == {"hub": True}
    await api(running, "admin", "POST", "/users/ada/server")
    path = f"/proxy/feed?after={whole['version']}"
    delta = (await api(running, "proxy", "GET", path)).json()
    assert delta["after"] == whole["version"]
    assert delta["set"]["/user/ada/"]["data"] == {"user": "ada", "server_name": ""}
    now = datetime.now(UTC).isoformat()
    answer = await api(
        running, "proxy", "POST", "/proxy/activity", json={"routes": {"/user/ada/": now}}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await api(running, "proxy", "GET", "/proxy/feed?after=x")).status_code == 400
    assert (await api(running, "proxy", "GET", "/users")).status_code == 403


async def test_bodies_have_a_limit_and_must_be_text(running: Running) -> None:
    big = b'{"x": "' + b"a" * 1_100_000 + b'"}'
    answer = await api(running, "admin", "POST", "/users/ada/server", content=big)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    for body in (b"\xff\xfe", b"{", b"[1]", b"[" * 200_000, b'{"x": NaN}', b'{"x": "\\ud800"}'):
        answer = await api(running, "admin", "POST", "/users/ada/server", content=body)
        assert answer.status_code == 400, body[:10]
        assert answer.json()["message"]


async def test_metrics_and_health(running: Running) -> None:
    stranger = Browser(running)
    for path in ("hub/health", "hub/api/health"):
        well = await stranger.get(path)
        assert (well.content, well.headers["content-type"]) == (b"", "text/plain; charset=utf-8")
        assert (await stranger.http.head(f"/{path}")).status_code == 200
        assert (await stranger.get(path.replace("health", "metrics"))).status_code == 403
    text = (await api(running, "admin", "GET", "/metrics")).text
    assert "jupyterhub_total_users 2.0" in text
    assert 'jupyterhub_request_duration_seconds_count{code="200",handler="/health"' in text


async def test_the_parts_of_the_hub_have_the_names_that_jupyterhub_gives_them(
    running: Running,
) -> None:
    info = (await api(running, "admin", "GET", "/info")).json()
    for part in ("spawner", "authenticator"):
        assert set(info[part]) == {"class", "version"}, part


async def test_every_url_is_described_or_has_its_reason(running: Running) -> None:
    document = (await Browser(running).get("hub/api/openapi.json")).json()
    for template, row in running.app.rows:
        if isinstance(row, Page):
            assert row.public or template.startswith("/hub/"), template
            continue
        assert row.any_of or row.known or row.public
        operation = document["paths"][template][row.method.lower()]
        assert operation["summary"]
    described = {
        (path, method.upper()) for path, row in document["paths"].items() for method in row
    }
    assert described == {
        (path, row.method) for path, row in running.app.rows if isinstance(row, Route)
    }
