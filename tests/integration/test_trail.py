"""The audit log, read back: by administrators all of it, by others what concerns them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from perijove.app import Running
from perijove.core.trail import Asked, Trail, _with
from perijove.kit.clock import Clock
from perijove.kit.journal import Journal
from perijove.kit.secret import digest
from perijove.model.token import Kind
from perijove.model.user import User
from perijove.settings import of
from perijove.store import tokens as store
from perijove.store.database import Database
from tests.browser import Browser
from tests.integration.test_surface import NEAR, sign_in
from tests.parts import ADMIN_TOKEN, hub, services, user

TREE = services(people=("admin:users",), reader=("read:users",))
of(TREE)  # settings read their tables when they are first used
PASSWORD = "a sentence works well"


@pytest.fixture(params=["file", "memory"])
async def running(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Running]:
    """A hub of one machine, which keeps a file, and one of a cluster, which keeps none."""
    journal = Journal(tmp_path / "audit.log") if request.param == "file" else None
    it = await hub(database, tree=TREE, journal=journal)
    await it.hub.accounts.create("ada", password=PASSWORD)
    await user(it, "eve")
    yield it
    if journal:
        await asyncio.to_thread(journal.close)


def by(running: Running, token: str = ADMIN_TOKEN) -> Browser:
    return Browser(running, "198.51.100.7", authorization=f"token {token}")


async def own(running: Running, name: str) -> Browser:
    maker = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert maker
    _, secret = await running.hub.tokens.make(await user(running, name), by=maker)
    return by(running, secret)


async def entries(client: Browser, path: str) -> list[dict[str, Any]]:
    answer = await client.get(f"hub/api{path}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_administrators_read_all_of_it_the_newest_first(running: Running) -> None:
    root = by(running)
    await root.post("hub/api/users", json={"usernames": ["bob", "kim"]})
    await root.post("hub/api/users/ada/server")
    await root.http.delete("/hub/api/users/nobody")
    found = await entries(root, "/audit")
    assert [it["call"] for it in found] == [
        "DELETE /users/{user}", "POST /users/{user}/server", "POST /users",
    ]  # fmt: skip
    first = found[1]
    assert (first["who"], first["from"], first["about"]) == (
        "perijove-cli", "198.51.100.7", {"user": "ada"},
    )  # fmt: skip
    assert (found[0]["status"], found[0]["error"]) == (404, "unknown")
    assert [it["call"] for it in await entries(root, "/audit?about=bob")] == ["POST /users"]
    assert len(await entries(root, "/audit?limit=1")) == 1
    only = await entries(root, "/audit?call=POST%20/users")
    assert [it["call"] for it in only] == ["POST /users"]
    assert await entries(root, "/audit?who=ada") == []
    older = await entries(root, f"/audit?before={first['at'].replace('+', '%2B')}")
    assert [it["call"] for it in older] == ["POST /users"]
    for bad in ("limit=0", "limit=x", "since=soon", "before=2026-01-01", f"who={'x' * 300}"):
        assert (await root.get(f"hub/api/audit?{bad}")).status_code == 400, bad


@pytest.mark.parametrize(
    ("kept", "path", "other"),
    [("file", "/audit", "/users/eve/audit"), ("memory", "/users/eve/audit", "/audit")],
)
async def test_entries_of_one_moment_are_told_page_by_page_each_of_them_once(
    database: Database, tmp_path: Path, kept: str, path: str, other: str
) -> None:
    journal = Journal(tmp_path / "audit.log") if kept == "file" else None
    now = [1.0]
    it = await hub(database, tree=TREE, journal=journal, clock=Clock(steady=lambda: now[0]))
    await user(it, "eve")
    root, now[0] = by(it), 2.0
    for n in range(7):
        await root.post("hub/api/groups", json={"groups": [f"g{n}"], "users": ["eve"]})
    whole = await entries(root, f"{path}?about=eve")
    url, seen, last = f"/hub/api{path}?limit=3", list[list[dict[str, Any]]](), ""
    while url and len(seen) < 5:
        answer = (await root.http.get(url)).json()
        seen.append(answer["entries"])
        await root.post("hub/api/groups", json={"groups": [f"x{len(seen)}"], "users": ["eve"]})
        last, url = url, answer["next"]
    assert seen == [whole[:3], whole[3:6], whole[6:]]
    assert len({each["request"] for each in whole}) == 7
    (moment,) = {each["at"] for each in whole}
    assert await entries(root, f"{path}?before={quote(moment)}") == [], "a time is no place"
    (after,) = parse_qs(urlsplit(last).query)["after"]
    for odd in (f"{path}?after={after[:-6]}", f"{path}?after=x", f"{other}?after={after}"):
        assert (await root.get(f"hub/api{odd}")).status_code == 400, odd
    if journal:
        await asyncio.to_thread(journal.close)


async def test_a_person_reads_what_concerns_them_and_of_others_no_more_than_that(
    running: Running,
) -> None:
    root, ada = by(running), await own(running, "ada")
    await root.post("hub/api/users", json={"usernames": ["bob"]})
    await root.http.patch("/hub/api/users/ada", json={"admin": False})
    await root.http.patch("/hub/api/users/eve", json={"admin": False})
    await ada.post("hub/api/users/ada/server")
    await sign_in(Browser(running, NEAR), "ada", "a guess")
    found = await entries(ada, "/users/ada/audit")
    assert [it["call"] for it in found] == [
        "POST /login", "POST /users/{user}/server", "PATCH /users/{user}",
    ]  # fmt: skip
    failed, mine, theirs = found
    assert failed["details"]["refused"] == "wrong-password"
    assert mine["from"] == "198.51.100.7"
    assert theirs.keys().isdisjoint({"from", "by"})
    assert (theirs["who"], theirs["details"]) == ("perijove-cli", {"admin": False})
    assert [it["call"] for it in await entries(root, "/users/eve/audit")] == ["PATCH /users/{user}"]


async def test_nobody_reads_what_concerns_others(running: Running) -> None:
    ada = await own(running, "ada")
    assert (await ada.get("hub/api/users/eve/audit")).status_code == 404
    assert (await ada.get("hub/api/audit")).status_code == 403
    reader, people = by(running, "reader-token"), by(running, "people-token")
    assert (await reader.get("hub/api/users/ada/audit")).status_code == 403
    refused = await people.get("hub/api/audit")
    assert (refused.status_code, refused.json()["code"]) == (403, "audit.administrators")
    refused = await people.get("hub/api/users/ada/audit")
    assert (refused.status_code, refused.json()["code"]) == (403, "audit.others")
    assert (await Browser(running).get("hub/api/audit")).status_code == 403


async def test_what_was_done_in_the_moment_somebody_was_made_is_told_to_them() -> None:
    made = datetime(2026, 11, 30, 12, 0, 0, 123_999, tzinfo=UTC)
    bob = User(id=7, name="bob", created=made)
    trail = Trail()
    at = {"who": "root", "call": "PATCH /users/{user}", "about": {"user": "bob"}, "status": 200}
    for n in (122, 123, 124):
        trail.remember({**at, "request": str(n), "at": f"2026-11-30T12:00:00.{n}+00:00"})
    told = await trail.of(bob, Asked())
    assert [it["at"][20:23] for it in told] == ["124", "123"]


async def test_who_gets_a_name_next_reads_nothing_of_before(running: Running) -> None:
    root = by(running)
    await root.http.patch("/hub/api/users/eve", json={"admin": False})
    assert len(await entries(root, "/users/eve/audit")) == 1
    assert (await root.http.patch("/hub/api/users/eve", json={"name": "eva"})).status_code == 200
    assert (await root.post("hub/api/users/eve")).status_code == 201
    again = await entries(await own(running, "eve"), "/users/eve/audit")
    assert "PATCH /users/{user}" not in [it["call"] for it in again]
    renamed = await entries(await own(running, "eva"), "/users/eva/audit")
    assert [it["details"] for it in renamed] == [{"name": "eva"}]


async def test_lines_that_are_none_hide_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    odd = b'{"at": 1}\n\xff\xfe\n[]\n{"at": "soon", "status": 1}\n"x"\nnull\n'
    await asyncio.to_thread(path.write_bytes, odd)
    journal = Journal(path)
    it = await hub(database, tree=TREE, journal=journal)
    root = by(it)
    await root.post("hub/api/users/kim")
    assert [one["call"] for one in await entries(root, "/audit")] == ["POST /users/{user}"]
    await asyncio.to_thread(journal.close)


async def test_whoever_gets_a_name_reads_nothing_of_whom_it_was_before(running: Running) -> None:
    root, ada = by(running), await own(running, "ada")
    await ada.post("hub/api/users/ada/tokens", json={"note": "the secret plan"})
    for old, new in (("ada", "alicia"), ("eve", "ada")):
        answer = await root.http.patch(f"/hub/api/users/{old}", json={"name": new})
        assert answer.status_code == 200
    found = await entries(await own(running, "ada"), "/users/ada/audit")
    assert "the secret plan" not in str(found)
    assert "PATCH /users/{user}" in [it["call"] for it in found], "that she is called so now"


async def test_a_server_called_as_somebody_is_none_of_theirs(running: Running) -> None:
    eve = await own(running, "eve")
    await eve.http.patch("/hub/api/users/eve/servers/x", json={"name": "ada"})
    assert "/servers/" not in str(await entries(await own(running, "ada"), "/users/ada/audit"))


async def test_a_service_that_somebody_let_in_does_not_read_what_was_done(
    running: Running,
) -> None:
    """`read:tokens!user` is asked for as: see your tokens."""
    ann = await user(running, "ann")
    maker = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert maker
    token, own = await running.hub.tokens.make(ann, by=maker, scopes=["read:tokens!user"])
    given = replace(token, id=token.id + 1, kind=Kind.OAUTH)
    await running.hub.accounts.database.write(store.add(given, digest("of-a-service")))
    mine, theirs = by(running, own), by(running, "of-a-service")
    for each in (mine, theirs):
        assert (await each.get("hub/api/users/ann/tokens")).status_code == 200
    assert (await mine.get("hub/api/users/ann/audit")).status_code == 200
    refused = await theirs.get("hub/api/users/ann/audit")
    assert (refused.status_code, refused.json()["code"]) == (403, "audit.others")


async def test_a_token_of_an_administrator_that_may_less_reads_what_it_may(
    running: Running,
) -> None:
    root = await user(running, "root", admin=True)
    maker = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert maker
    _, secret = await running.hub.tokens.make(root, by=maker, scopes=["admin:users"])
    assert (await by(running, secret).get("hub/api/audit")).status_code == 403


async def test_what_a_client_has_made_up_is_cut(running: Running) -> None:
    eve = await own(running, "eve")
    for options in ({"x" * 200_000: 1}, {f"k{n:050}": 1 for n in range(1000)}):
        body = {"user_options": options, "name": "n" * 200_000}
        await eve.http.patch("/hub/api/users/eve/servers/x", json=body)
    found = await entries(by(running), "/audit?who=eve")
    assert [it["call"] for it in found].count("PATCH /users/{user}/servers/{server}") == 2
    assert len(str(found)) < 70_000


async def test_many_who_read_leave_threads_for_what_cannot_wait(tmp_path: Path) -> None:
    """A pipe stands for a file that takes its time: each who reads it waits for the next line."""
    path = tmp_path / "audit.log"
    os.mkfifo(path)
    entry = {"at": "2026-11-30T10:00:00+00:00", "status": 201, "who": "ada"}
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    trail, end = Trail(path=path), -1
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(trail.all(Asked())) for _ in range(8)]
            end = await _opened(path)
            async with asyncio.timeout(20):
                assert await asyncio.to_thread(len, "work") == 4
            for read in reads:
                os.write(end, f"{json.dumps(entry)}\n".encode())
                os.close(end)
                assert await read == [entry]
                end = await _opened(path) if read is not reads[-1] else -1
    finally:
        if end >= 0:
            os.close(end)
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # nobody waits any more


async def test_who_reads_their_own_holds_up_no_administrator(
    database: Database, tmp_path: Path
) -> None:
    """A pipe again; administrators are told of another file, as of one that is read quickly."""
    os.mkfifo(tmp_path / "slow")
    trail = Trail(path=tmp_path / "slow")
    own = asyncio.create_task(trail.of(await user(await hub(database), "eve"), Asked()))
    end = await _opened(tmp_path / "slow")
    trail.path = tmp_path / "audit.log"
    try:
        async with asyncio.timeout(20):
            assert await trail.all(Asked()) == []
        assert not own.done()
    finally:
        os.close(end)
    assert await own == []


def told(at: str = "2026-11-30T10:00:00.000+00:00", **more: Any) -> dict[str, Any]:
    return {
        "at": at, "request": "r", "who": "eve", "kind": "user", "by": "session", "admin": False,
        "from": "198.51.100.7", "call": "POST /x", "about": {"user": "eve"}, "status": 200, **more,
    }  # fmt: skip


def write(path: Path, *entries: dict[str, Any]) -> None:
    path.write_text("".join(f"{json.dumps(it, ensure_ascii=False)}\n" for it in entries))


@pytest.mark.parametrize("name", ["user", "at", "session", "name", "孙悦", 'a"b', "a.b*"])
async def test_a_name_that_is_a_word_of_every_line_is_looked_for_among_values(
    database: Database, tmp_path: Path, name: str
) -> None:
    it = await hub(database)
    own = [
        told(who=name), told(about={"user": name}), told(details={"users": ["x", name]}),
        told(who=None, details={"name": name}), told(details={"as": name}),
    ]  # fmt: skip
    lines = [json.dumps(each, ensure_ascii=False) for each in (told(), *own, told(who=f"{name}s"))]
    assert [json.loads(line) for line in _with(iter(lines), name)] == own
    path = tmp_path / "audit.log"
    write(path, told(), *own)
    trail = Trail(path=path)
    created = datetime(2026, 11, 1, tzinfo=UTC)
    person = replace(await user(it, "eve"), name=name, created=created)
    assert len(await trail.of(person, Asked())) == len(own)
    assert len(await trail.all(Asked(about=name))) == 3


@pytest.mark.parametrize(("many", "found"), [(1500, 1), (500, 2)])
async def test_what_was_before_somebody_came_is_not_read_and_a_clock_that_was_wrong_hides_nothing(
    database: Database, tmp_path: Path, many: int, found: int
) -> None:
    """Whatever is older ends the reading, once there is much of it."""
    path = tmp_path / "audit.log"
    it = await hub(database)
    person = replace(await user(it, "eve"), created=datetime(2026, 11, 30, 9, tzinfo=UTC))
    old = [told("2026-11-30T07:59:00.000+00:00")] * many
    write(tmp_path / "audit.log.1", told(call="POST /before"))
    write(path, *old, told(call="POST /now"))
    trail = Trail(path=path)
    assert len(await trail.of(person, Asked())) == found
    assert len(await trail.all(Asked(since=person.created))) == found
    assert len(await trail.all(Asked(limit=9999))) == many + 2
    for odd in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert len(await trail.all(Asked(limit=1, since=datetime.fromisoformat(odd)))) < 2


async def _opened(path: Path) -> int:
    """Return the end of a pipe that can be written, as soon as somebody reads it."""
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            await asyncio.sleep(0.01)
