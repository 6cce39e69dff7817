"""One action with many people: asked with every name, done for each, told for whom it was not."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from perijove.model.server import Phase
from perijove.model.user import Standing, User
from perijove.store.database import Database
from perijove.store.people import Wanted
from perijove.web import people
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_servers import Lingering, until


async def several(desk: Desk, *names: str, **more: Any) -> list[User]:
    return [await desk.person(name, display_name=name.title(), **more) for name in names]


async def running(desk: Desk, *users: User) -> None:
    for user in users:
        await desk.hub.servers.start(user, "", {})
        await until(desk, "", Phase.RUNNING, user.name)


def ids(users: Sequence[User]) -> list[str]:
    return [str(user.id) for user in users]


async def ask(chen: Browser, do: str, users: Sequence[User], **more: str) -> httpx.Response:
    return await chen.post("/people", "/admin", do=do, user=ids(users), **more)


async def do(chen: Browser, what: str, users: Sequence[User], **more: str) -> httpx.Response:
    return await chen.post(f"/people/{what}", "/admin", user=ids(users), **more)


async def test_servers_are_stopped_after_every_name_was_read(desk: Desk, chen: Browser) -> None:
    wu, gao = await several(desk, "wu.min", "gao.lin")
    await running(desk, wu)
    sure = await ask(chen, "stop", [wu, gao])
    said = Shown(sure.text).text
    assert "Stop the servers of 2 people?" in said
    assert "variables in memory and open terminals are lost" in said
    for words in ("Wu.Min wu.min 1 server runs", "Gao.Lin gao.lin"):
        assert words in said
    server = await desk.hub.servers.find(wu, "")
    assert server
    assert server.phase is Phase.RUNNING, "nothing is done before"
    done = await do(chen, "stop", [wu, gao])
    assert "Servers are being stopped: Wu.Min, Gao.Lin." in done.text
    await until(desk, "", Phase.STOPPED, "wu.min")


async def test_people_join_and_leave_a_group_that_the_rows_show(desk: Desk, chen: Browser) -> None:
    users = await several(desk, "wu.min", "gao.lin", "du.fan", "he.jing")
    assert "There is no group yet." in (await ask(chen, "join", users)).text
    await desk.hub.groups.create("two words")
    assert "<option>two words</option>" in (await ask(chen, "join", users)).text
    joined = await do(chen, "join", users, group="two words")
    assert "Put into the group: 4 people." in joined.text
    assert len((await desk.hub.groups.named("two words")).users) == 4
    assert joined.text.count(">two words</a>") == 4
    found = await chen.get("/admin?q=group:%22two+words%22")
    assert 'href="/hub/admin/wu.min"' in found.text
    assert 'href="/hub/admin/chen.wei"' not in found.text
    await do(chen, "leave", users[:1], group="two words")
    assert "wu.min" not in (await desk.hub.groups.named("two words")).users
    gone = await do(chen, "join", users[:2], group="nowhere")
    assert "Not done for 2 people" in Shown(gone.text).text


async def test_people_are_blocked_and_let_in_again(desk: Desk, chen: Browser) -> None:
    users = await several(desk, "wu.min", "gao.lin")
    await do(chen, "block", users)
    for user in users:
        now = await desk.hub.accounts.named(user.name)
        assert now
        assert now.standing is Standing.BLOCKED
    await do(chen, "approve", users)
    now = await desk.hub.accounts.named("gao.lin")
    assert now
    assert now.standing is Standing.ACTIVE


LOSS = {
    "en": ("Delete 2 people?", "can be restored there for 30 days", "was not typed"),
    "zh": ("删除 2 位用户\uff1f", "30 天内可以在那里恢复", "没有输入"),
}


@pytest.mark.parametrize("language", LOSS)
async def test_deleting_names_everybody_and_asks_for_their_number(
    desk: Desk, language: str
) -> None:
    title, loss, untyped = LOSS[language]
    await desk.person("chen.wei", admin=True)
    chen = Browser(desk, language)
    await chen.sign_in("chen.wei")
    users = await several(desk, "wu.min", "gao.lin")
    said = Shown((await ask(chen, "delete", users)).text).text
    for words in (title, loss, "Wu.Min", "Gao.Lin"):
        assert words in said
    for typed in ("", "3", "wu.min"):
        refused = await do(chen, "delete", users, typed=typed)
        assert refused.status_code == 400
        assert untyped in refused.text
    assert await desk.hub.accounts.named("wu.min")
    await do(chen, "delete", users, typed="2")
    for user in users:
        assert await desk.hub.accounts.named(user.name) is None


@pytest.mark.parametrize("what", ["block", "delete"])
async def test_nobody_blocks_or_deletes_themselves_and_that_is_told_first(
    desk: Desk, chen: Browser, what: str
) -> None:
    me = await desk.hub.accounts.named("chen.wei")
    assert me
    alone = await ask(chen, what, [me])
    assert alone.status_code == 400
    assert "You cannot block or delete your own account." in alone.text
    [wu] = await several(desk, "wu.min")
    with_others = Shown((await ask(chen, what, [me, wu])).text)
    assert "You are left out" in with_others.text
    hidden = [it["value"] for _, it in with_others.tags if it.get("name") == "user"]
    assert hidden == [str(wu.id)]
    assert "You are left out" not in (await ask(chen, what, [wu])).text
    assert (await do(chen, "approve", [me])).url.path == "/hub/admin", "that may be done"


async def test_the_addresses_of_forms_lead_on_to_the_people(chen: Browser) -> None:
    for path in ("/people", "/people/block"):
        assert (await chen.get(path)).url.path == "/hub/admin", path


async def test_what_could_not_be_done_is_told_for_each_and_tried_again(
    desk: Desk, chen: Browser
) -> None:
    me = await desk.hub.accounts.named("chen.wei")
    assert me
    [wu] = await several(desk, "wu.min")
    failed = await do(chen, "block", [wu, me])
    said = Shown(failed.text).text
    assert "Done for 1 person." in said
    assert "Not done for 1 person" in said
    assert "chen.wei You cannot block or delete your own account." in said
    hidden = [it for tag, it in Shown(failed.text).tags if it.get("name") == "user"]
    assert [it["value"] for it in hidden] == [str(me.id)], "only who is left is tried again"
    assert 'name="do" value="block"' in failed.text


async def test_a_server_that_takes_its_time_to_stop_keeps_only_its_owner(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(database, tmp_path, spawner=Lingering("i")) as desk:
        await desk.person("chen.wei", admin=True)
        chen = Browser(desk)
        await chen.sign_in("chen.wei")
        wu, gao = await several(desk, "wu.min", "gao.lin")
        await running(desk, wu)
        forget = type(desk.hub.servers).forget
        monkeypatch.setattr(
            type(desk.hub.servers), "forget", lambda self, user: forget(self, user, patience=0.1)
        )
        failed = Shown((await do(chen, "delete", [wu, gao], typed="2")).text).text
        assert "Done for 1 person." in failed
        assert "wu.min/ is pending stop" in failed or "pending stop" in failed
        assert await desk.hub.accounts.named("gao.lin") is None


async def test_all_that_the_search_finds_are_meant_and_no_others(desk: Desk, chen: Browser) -> None:
    for n in range(60):
        await desk.hub.accounts.add(f"p{n:02}")
    page = (await chen.get("/admin?q=p")).text
    assert "all 60 found" in Shown(page).text
    sure = await chen.post("/people", "/admin?q=p", do="block", q="p", all="1")
    assert "Block 60 people?" in Shown(sure.text).text
    hidden = [it["value"] for tag, it in Shown(sure.text).tags if it.get("name") == "user"]
    assert len(hidden) == 60
    await desk.person("p-new")
    await chen.post("/people/block", "/admin", user=hidden)
    new = await desk.hub.accounts.named("p-new")
    assert new
    assert new.standing is Standing.ACTIVE, "who came after the question is not meant"
    assert len((await desk.hub.accounts.page(Wanted(standing=Standing.BLOCKED), 0, 99))[0]) == 60


async def test_nobody_and_too_many_are_told(
    desk: Desk, chen: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = await ask(chen, "stop", [])
    assert nobody.status_code == 400
    assert "Nobody is selected" in nobody.text
    monkeypatch.setattr(people, "MOST", 2)
    await several(desk, "wu.min", "gao.lin")
    many = await chen.post("/people", "/admin", do="stop", all="1")
    assert "3 people are too many at once: at most 2." in many.text
    assert (await chen.post("/people", "/admin", do="shout", all="1")).status_code == 404
    assert (await chen.post("/people/shout", "/admin")).status_code == 404


async def test_only_those_are_touched_whom_the_scopes_cover(
    database: Database, tmp_path: Path
) -> None:
    scopes = ["admin-ui", "list:users!group=lab", "delete:servers!group=lab"]
    role = {"scopes": scopes, "users": ["tutor"]}
    async with open_desk(database, tmp_path, loadRoles={"tutor": role}) as desk:
        await desk.person("tutor")
        wu, gao = await several(desk, "wu.min", "gao.lin")
        await desk.hub.groups.create("lab", members=["wu.min"])
        await running(desk, wu, gao)
        tutor = Browser(desk)
        await tutor.sign_in("tutor")
        wu = await desk.hub.accounts.named("wu.min") or wu
        failed = await do(tutor, "stop", [wu, gao])
        assert "Not done for 1 person" in Shown(failed.text).text
        await until(desk, "", Phase.STOPPED, "wu.min")
        await until(desk, "", Phase.RUNNING, "gao.lin")
        for action in ("delete", "block", "approve", "join"):
            refused = await do(tutor, action, [wu], typed="1", group="lab")
            assert "Not done for 1 person" in Shown(refused.text).text, action
        await desk.person("nobody")
        nobody = Browser(desk)
        await nobody.sign_in("nobody")
        assert (await nobody.post("/people", "/token", do="stop")).status_code == 403
        assert (await nobody.post("/people/stop", "/token")).status_code == 403


async def test_filters_are_links_that_add_and_take_away(chen: Browser) -> None:
    def chips(page: str) -> dict[str, tuple[str, bool]]:
        found = [it for tag, it in Shown(page).tags if tag == "a" and it.get("class") == "chip"]
        return {it["href"]: (it["href"], "aria-current" in it) for it in found}

    plain = chips((await chen.get("/admin?q=wei")).text)
    assert "/hub/admin?q=wei+is%3Arunning" in plain
    assert not any(on for _, on in plain.values())
    running = chips((await chen.get("/admin?q=wei+is:running&sort=seen")).text)
    assert running["/hub/admin?q=wei&sort=seen"][1], "it takes itself away"
    assert "/hub/admin?q=wei+is%3Ainactive&sort=seen" in running, "of both, one can be meant"
    group = (await chen.get("/admin?q=group:%22two+words%22")).text
    assert "two words" in Shown(group).text


async def test_who_was_not_seen_for_long_is_found(desk: Desk, chen: Browser) -> None:
    now = desk.hub.clock()
    for name, days in (("old", 40), ("young", 3)):
        await desk.hub.accounts.add(name, last_activity=now - timedelta(days=days))
    await desk.hub.accounts.add("never")
    unseen = (await chen.get("/admin?q=unseen:30")).text
    for name, there in (("old", True), ("young", False), ("never", True)):
        assert (f'href="/hub/admin/{name}"' in unseen) is there, name
    seen = (await chen.get("/admin?q=seen:7")).text
    assert 'href="/hub/admin/young"' in seen
    assert 'href="/hub/admin/old"' not in seen
    for nonsense in ("unseen:x", "seen:", "seen:99999999999999999999"):
        assert (await chen.get(f"/admin?q={nonsense}")).status_code == 200, nonsense
    latest = (await chen.get("/admin?sort=seen")).text
    assert latest.index("/hub/admin/young") < latest.index("/hub/admin/old")
    assert 'aria-sort="descending"' in latest


async def test_a_page_of_people_is_read_at_once(desk: Desk, chen: Browser) -> None:
    reads = 0
    inner = desk.hub.accounts.database.read

    async def read(statement: Any) -> Any:
        nonlocal reads
        reads += 1
        return await inner(statement)

    async def count() -> int:
        nonlocal reads
        reads = 0
        await chen.get("/admin")
        return reads

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.hub.accounts.database, "read", read)
        few = await count()
        for n in range(30):
            await desk.hub.accounts.add(f"p{n}")
        assert few > 0, "it reads"
        assert await count() < few + 10, "the background reads a little"
