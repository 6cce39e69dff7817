"""PUT and PATCH of servers (hub.md 2.3, 2.6): made without a start, changed only at rest."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perijove.app import Running
from perijove.core import rescoping, resting
from perijove.core.resting import Change
from perijove.kit.tasks import in_background
from perijove.model.errors import Conflict, Untimely
from perijove.model.server import Phase
from perijove.settings import of
from perijove.store.database import Database
from perijove.store.statement import Statements
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, services, user

TREE = services(of_ada=("servers!user=ada",), reader=("read:servers", "delete:servers"))
TREE["hub"] |= {"allowNamedServers": True, "namedServerLimitPerUser": 3}
of(TREE)  # settings read their tables when they are first used
BY = {"authorization": f"token {ADMIN_TOKEN}"}


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    await user(it, "ada")
    await user(it, "bob")
    async with in_background(it.life.run()):
        yield it


async def ask(running: Running, method: str, path: str, by: str = "", **body: Any) -> Any:
    token = f"{by}-token" if by else ADMIN_TOKEN
    client = Browser(running, authorization=f"token {token}").http
    return await client.request(method, f"/hub/api/users/{path}", json=body or None)


async def until(running: Running, path: str, key: str) -> None:
    async with asyncio.timeout(20):
        while not (await ask(running, "GET", path)).json()[key]:
            await asyncio.sleep(0.02)


async def test_a_server_is_made_without_a_start(running: Running) -> None:
    options = {"image": "lab:1"}
    made = await ask(
        running, "PUT", "ada/servers/lab", display_name="The Lab · 实验", user_options=options
    )
    assert made.status_code == 201
    shown = made.json()
    assert (shown["name"], shown["display_name"]) == ("lab", "The Lab · 实验")
    assert (shown["stopped"], shown["ready"], shown["pending"]) == (True, False, None)
    assert (shown["user_options"], shown["started"]) == (options, None)
    assert (await ask(running, "GET", "ada/servers/lab")).json() == shown
    await asyncio.sleep(0.1)
    assert (await ask(running, "GET", "ada/servers/lab")).json()["stopped"] is True
    listed = (await ask(running, "GET", "ada?include_stopped_servers=1")).json()["servers"]
    assert listed.keys() == {"lab"}
    for said, some in (("", True), ("=", True), ("=True", True), ("=0", False), ("=False", False)):
        word = f"include_stopped_servers{said}"
        one = (await ask(running, "GET", f"ada?{word}")).json()
        all_of_them = await Browser(running, **BY).get(f"hub/api/users?{word}")
        [of_all] = [it for it in all_of_them.json() if it["name"] == "ada"]
        assert bool(one["servers"]) is bool(of_all["servers"]) is some, said


async def test_it_starts_with_the_options_that_it_was_made_with(running: Running) -> None:
    await ask(running, "PUT", "ada/servers/lab", user_options={"image": "lab:1"})
    assert (await ask(running, "POST", "ada/servers/lab")).status_code == 202
    await until(running, "ada/servers/lab", "ready")
    assert (await ask(running, "GET", "ada/servers/lab")).json()["user_options"] == {
        "image": "lab:1"
    }
    await ask(running, "DELETE", "ada/servers/lab")
    await until(running, "ada/servers/lab", "stopped")
    for body, options in (
        ({"display_name": "Lab"}, {"image": "lab:1"}),
        ({"user_options": {}}, {}),
        ({"image": "other"}, {"image": "other"}),
    ):
        assert (await ask(running, "POST", "ada/servers/lab", **body)).status_code == 202
        await until(running, "ada/servers/lab", "ready")
        assert (await ask(running, "GET", "ada/servers/lab")).json()["user_options"] == options
        await ask(running, "DELETE", "ada/servers/lab")
        await until(running, "ada/servers/lab", "stopped")


async def test_what_there_is_already_is_not_made_again(running: Running) -> None:
    assert (await ask(running, "PUT", "ada/servers/lab")).status_code == 201
    for path in ("ada/servers/lab", "ada/servers/", "ada/server"):
        answer = await ask(running, "PUT", path)
        assert (answer.status_code, answer.json()["code"]) == (409, "server-name.taken"), path
    assert (await ask(running, "PUT", "nobody/servers/lab")).status_code == 404
    assert (await ask(running, "PUT", "bob/servers/lab", "of_ada")).status_code == 404
    assert (await ask(running, "PUT", "ada/servers/lab", "reader")).status_code == 403


@pytest.mark.parametrize("name", ["Lab", "9lab", "a--b", "a-", "x" * 31, "a b", "a%2Fb", "学"])
async def test_names_are_those_of_6_0(running: Running, name: str) -> None:
    for method in ("PUT", "POST"):
        answer = await ask(running, method, f"ada/servers/{name}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-server-name")
    await ask(running, "PUT", "ada/servers/lab")
    renamed = await ask(running, "PATCH", "ada/servers/lab", name=name.replace("%2F", "/"))
    assert renamed.status_code == 400


@pytest.mark.parametrize(
    "shown", [" lab", "lab ", "a  b", "a\tb", "a\nb", "\u200b", "x" * 256, "a\u2028b", "\ud83d"]
)
async def test_display_names_are_those_of_6_0(running: Running, shown: str) -> None:
    await ask(running, "PUT", "ada/servers/lab")
    raw = f'{{"display_name": {shown!r}}}'.replace("'", '"').replace("\\x", "\\u00")
    client = Browser(running, authorization=f"token {ADMIN_TOKEN}").http
    for method, path in (("PUT", "two"), ("PATCH", "lab"), ("POST", "two")):
        answer = await client.request(
            method, f"/hub/api/users/ada/servers/{path}", content=raw.encode("utf-8")
        )
        assert answer.status_code == 400, answer.text
    made = await ask(running, "PATCH", "ada/servers/lab", display_name="Cafe\u0301")
    assert made.json()["display_name"] == "Café"


async def test_a_limit_counts_what_was_only_made(running: Running) -> None:
    for name in ("a", "b", "c"):
        assert (await ask(running, "PUT", f"ada/servers/{name}")).status_code == 201
    over = await ask(running, "PUT", "ada/servers/d")
    assert over.status_code == 400
    assert "already has the maximum of 3 named servers" in over.json()["message"]
    tries = [running.hub.resting.add(await user(running, "bob"), f"n{n}", Change()) for n in
             range(8)]  # fmt: skip
    made = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(it, BaseException) for it in made) == 3
    assert all(isinstance(it, Untimely) for it in made if isinstance(it, BaseException))


async def test_named_servers_may_be_off(database: Database) -> None:
    it = await hub(database, tree={"hub": {**TREE["hub"], "allowNamedServers": False}})
    await user(it, "ada")
    answer = await ask(it, "PUT", "ada/servers/lab")
    assert (answer.status_code, answer.json()["code"]) == (400, "named-servers-off")


async def test_a_server_at_rest_is_changed_and_its_home_stays(running: Running) -> None:
    await ask(running, "PUT", "ada/servers/lab", display_name="Lab", user_options={"a": 1})
    ada = await user(running, "ada")
    before = await running.hub.servers.find(ada, "lab")
    assert before
    changed = await ask(running, "PATCH", "ada/servers/lab", name="desk", user_options={"b": 2})
    assert changed.status_code == 200
    shown = changed.json()
    assert (shown["name"], shown["display_name"], shown["user_options"]) == (
        "desk", "Lab", {"b": 2},
    )  # fmt: skip
    assert shown["url"] == "/user/ada/desk/"
    after = await running.hub.servers.find(ada, "desk")
    assert after
    assert (after.id, after.placement) == (before.id, before.placement)
    assert (await ask(running, "GET", "ada/servers/lab")).status_code == 404
    again = await ask(running, "PUT", "ada/servers/lab")
    assert again.status_code == 201
    other = await running.hub.servers.find(ada, "lab")
    assert other
    assert other.placement.workload != after.placement.workload
    assert other.placement.home == after.placement.home
    taken = await ask(running, "PATCH", "ada/servers/lab", name="desk")
    assert (taken.status_code, taken.json()["code"]) == (409, "server-name.taken")
    assert (await ask(running, "POST", "ada/servers/desk")).status_code == 202
    await until(running, "ada/servers/desk", "ready")


async def test_tokens_for_a_server_follow_it_and_open_none_that_is_called_so_next(
    running: Running,
) -> None:
    await ask(running, "PUT", "ada/servers/lab")
    scopes = ["access:servers!server=ada/lab", "servers!server=ada/"]
    made = (await ask(running, "POST", "ada/tokens", scopes=scopes)).json()
    own = Browser(running, authorization=f"token {made['token']}")
    for old, new in (("servers/lab", "desk"), ("server", "first")):
        assert (await ask(running, "POST", "ada/server")).status_code in {202, 400}
        await until(running, "ada/server", "ready")
        await own.get("hub/api/user")  # so that there is something to forget
        await ask(running, "DELETE", "ada/server")
        await until(running, "ada/server", "stopped")
        renamed = await ask(running, "PATCH", f"ada/{old}", name=new)
        assert renamed.status_code == 200, renamed.text
    await ask(running, "PUT", "ada/servers/lab")
    held = (await own.get("hub/api/user")).json()["scopes"]
    assert {it for it in held if "!server=" in it and it.startswith(("access", "servers"))} == {
        "access:servers!server=ada/desk", "servers!server=ada/first",
    }  # fmt: skip


async def test_a_person_and_their_server_are_renamed_at_once_and_tokens_follow_both(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(running, "PUT", "ada/servers/lab")
    scopes = ["access:servers!server=ada/lab"]
    made = (await ask(running, "POST", "ada/tokens", scopes=scopes)).json()
    ada, looked = await user(running, "ada"), rescoping.followed

    async def meanwhile(database: Database, other: Callable[[str], str]) -> Statements:
        found = await looked(database, other)
        monkeypatch.undo()
        await running.hub.renaming.rename(ada, "zoe")
        return found

    monkeypatch.setattr(resting, "followed", meanwhile)
    await running.hub.resting.change(ada, "lab", Change(name="desk"))
    own = Browser(running, authorization=f"token {made['token']}")
    held = (await own.get("hub/api/user")).json()["scopes"]
    assert "access:servers!server=zoe/desk" in held
    assert not any("ada" in it for it in held)


async def test_changes_that_make_no_sense_are_refused_in_words(running: Running) -> None:
    await ask(running, "PUT", "ada/servers/lab")
    client = Browser(running, authorization=f"token {ADMIN_TOKEN}").http
    for body in (
        b"", b"{}", b"[]", b"null", b'{"unknown": 1}', b'{"name": 1}', b'{"display_name": 1}',
        b'{"user_options": null}', b'{"user_options": [1]}', b'{"user_options": {"a": NaN}}',
        b'{"name": "lab2", "unknown": 1}', b"{", b"\xff",
    ):  # fmt: skip
        answer = await client.patch("/hub/api/users/ada/servers/lab", content=body)
        assert (answer.status_code, bool(answer.json()["message"])) == (400, True), body
    assert (await ask(running, "PATCH", "ada/servers/nope", name="x")).status_code == 404
    assert (await ask(running, "PATCH", "ada/server", name="x")).status_code == 404  # no row yet
    assert (await ask(running, "GET", "ada/servers/lab")).json()["user_options"] == {}


async def test_what_is_active_is_not_changed(running: Running) -> None:
    await ask(running, "POST", "ada/servers/lab")
    for _ in range(2):
        answer = await ask(running, "PATCH", "ada/servers/lab", name="desk")
        assert (answer.status_code, answer.json()["code"]) == (400, "server-active")
        assert "Stop it first" in answer.json()["message"]
        await until(running, "ada/servers/lab", "ready")


async def test_the_default_server_may_get_a_name_and_is_there_again(running: Running) -> None:
    await ask(running, "POST", "ada/server")
    await until(running, "ada/server", "ready")
    await ask(running, "DELETE", "ada/server")
    await until(running, "ada/server", "stopped")
    named = await ask(running, "PATCH", "ada/server", name="old-one")
    assert (named.status_code, named.json()["name"]) == (200, "old-one")
    assert (await ask(running, "POST", "ada/server")).status_code == 202
    await until(running, "ada/server", "ready")
    ada = await user(running, "ada")
    homes = {it.placement.home for it in await running.hub.servers.of(ada)}
    assert len(homes) == 1


async def test_of_many_changes_at_once_each_is_whole(running: Running) -> None:
    """A start, a new name and other options race: what is there at the end makes sense."""
    ada = await user(running, "ada")
    await running.hub.resting.add(ada, "lab", Change())

    async def tried(work: Any) -> Any:
        try:
            return await work
        except (Untimely, Conflict):
            return None

    await asyncio.gather(
        tried(running.hub.resting.change(ada, "lab", Change(user_options={"a": 1}))),
        tried(running.hub.servers.start(ada, "lab", None)),
        *(tried(running.hub.resting.change(ada, "lab", Change(display_name=f"L{n}"))) for n in
          range(6)),
    )  # fmt: skip
    (server,) = await running.hub.servers.of(ada)
    assert server.phase in {Phase.STARTING, Phase.RUNNING}
    assert server.user_options in ({}, {"a": 1})
