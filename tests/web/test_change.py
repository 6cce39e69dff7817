"""An administrator changes the name, the role and the groups of somebody on their page."""

import json
from pathlib import Path

import pytest

from perijove.core.people import Circle, Declared, Person
from perijove.kit.journal import Journal
from perijove.model.user import User
from perijove.store.database import Database
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_power import HELPER

PAGE, CHANGE = "/admin/gao.lin", "/admin/gao.lin/change"
LOST = {
    "en": (
        "Out of lab: what the group gives is lost",
        "Gao Lin administers this Perijove no more.",
        "You administer this Perijove no more, and cannot take that back yourself.",
        "Saved.",
    ),
    "zh": (
        "移出 lab\uff1a失去该用户组的配置方案",
        "Gao Lin 将不再是管理员。",
        "你将不再是管理员\uff0c并且无法自行恢复。",
        "已保存。",
    ),
}


async def now(desk: Desk, name: str = "gao.lin") -> User:
    user = await desk.hub.accounts.named(name)
    assert user
    return user


def fields(html: str) -> dict[str, list[str]]:
    """Return what the form that asks sends when it is confirmed."""
    sent: dict[str, list[str]] = {}
    for tag, it in Shown(html).tags:
        if tag == "input" and it.get("type") == "hidden" and it["name"] != "_xsrf":
            sent.setdefault(it["name"], []).append(it["value"])
    return sent


@pytest.mark.parametrize("language", LOST)
async def test_what_is_lost_is_asked_first_and_all_else_done_at_once(
    desk: Desk, language: str
) -> None:
    lab, gao_no_more, _, saved = LOST[language]
    await desk.person("chen.wei", admin=True)
    await desk.person("gao.lin")
    await desk.hub.groups.create("lab", "staff")
    chen = Browser(desk, language)
    await chen.sign_in("chen.wei")
    done = await chen.post(CHANGE, PAGE, name=" Gao Lin ", admin="1", group=["lab", "staff"])
    assert saved in done.text
    gao = await now(desk)
    assert (gao.display_name, gao.admin, gao.groups) == (
        "Gao Lin",
        True,
        frozenset({"lab", "staff"}),
    )
    boxes = [it for _, it in Shown(done.text).tags if it.get("type") == "checkbox"]
    assert [it.get("value", "admin") for it in boxes if "checked" in it] == [
        "admin",
        "lab",
        "staff",
    ]
    asked = await chen.post(CHANGE, PAGE, name="G. Lin", group=["staff", "no such group"])
    for words in (lab, gao_no_more):
        assert words in asked.text
    assert await now(desk) == gao, "nothing is done before"
    sent = fields(asked.text)
    assert sent == {"sure": ["1"], "name": ["G. Lin"], "group": ["staff"]}
    assert saved in (await chen.post(CHANGE, PAGE, **sent)).text
    gao = await now(desk)
    assert (gao.display_name, gao.admin, gao.groups) == ("G. Lin", False, frozenset({"staff"}))


@pytest.mark.parametrize("language", LOST)
async def test_who_gives_the_role_back_is_told_and_the_last_one_keeps_it(
    desk: Desk, language: str
) -> None:
    _, _, oneself, saved = LOST[language]
    await desk.person("chen.wei", admin=True)
    chen, change, page = Browser(desk, language), "/admin/chen.wei/change", "/admin/chen.wei"
    await chen.sign_in("chen.wei")
    refused = await chen.post(change, page, name="", sure="1")
    assert refused.status_code == 400
    assert (await now(desk, "chen.wei")).admin
    await desk.person("gao.lin", admin=True)
    asked = await chen.post(change, page, name="")
    assert oneself in asked.text
    home = await chen.post(change, page, **fields(asked.text))
    assert home.url.path == "/hub/home"
    assert saved in home.text
    assert not (await now(desk, "chen.wei")).admin
    assert (await chen.get("/admin")).status_code == 403


async def test_a_name_that_cannot_be_shown_is_refused(desk: Desk, chen: Browser) -> None:
    gao = await desk.person("gao.lin")
    refused = await chen.post(CHANGE, PAGE, name="Gao\u202eLin")
    assert refused.status_code == 400
    assert "printed" in Shown(refused.text).text or "characters" in refused.text
    assert await now(desk) == gao


async def test_what_the_configuration_declares_is_said_to_come_back(
    desk: Desk, chen: Browser
) -> None:
    await desk.person("gao.lin")
    await desk.hub.groups.create("lab", "staff")
    assert "configuration file declares" not in (await chen.get(PAGE)).text
    desk.hub.people.declared = Declared(
        persons=(Person(name="gao.lin", display_name="Gao Lin"), Person(name="x", admin=True)),
        circles=(Circle(name="lab", users=frozenset(["gao.lin"])), Circle(name="staff")),
    )
    said = Shown((await chen.get(PAGE)).text).text
    assert "The configuration file declares this of them: the name, lab." in said
    assert "admin_users" not in said


async def test_a_helper_changes_names_and_neither_roles_nor_groups(
    database: Database, tmp_path: Path
) -> None:
    config = {"Authenticator": {"admin_users": ["root"], "allow_all": True}}
    async with open_desk(database, tmp_path, loadRoles={"helper": HELPER}, config=config) as at:
        root = await at.person("root", admin=True)
        await at.person("gao.lin")
        await at.person("eve")
        await at.hub.groups.create("lab", members=["gao.lin"])
        eve = Browser(at)
        await eve.sign_in("eve")
        assert 'name="group"' not in (await eve.get(PAGE)).text
        await eve.post(CHANGE, PAGE, name="Gao")
        gao = await now(at)
        assert (gao.display_name, gao.groups) == ("Gao", frozenset({"lab"})), (
            "what cannot be moved stays"
        )
        assert (await eve.post(CHANGE, PAGE, name="Gao", admin="1")).status_code == 403
        assert not (await now(at)).admin
        assert (await eve.post("/admin/root/change", PAGE, name="", sure="1")).status_code == 403
        assert await now(at, "root") == root
        assert "again with the next" in (await eve.get("/admin/root")).text


async def test_a_change_is_written_down(desk: Desk, chen: Browser, tmp_path: Path) -> None:
    journal = tmp_path / "audit.log"
    object.__setattr__(desk.running.app.front.audit, "journal", Journal(journal))
    await desk.person("gao.lin", display_name="Gao Lin", admin=True)
    await desk.hub.groups.create("lab")
    await chen.post(CHANGE, PAGE, name="Gao Lin", group="lab")
    await chen.post(CHANGE, PAGE, name="Gao Lin", group="lab", sure="1")
    asked, done = [
        it
        for line in journal.read_text().splitlines()
        if "change" in (it := json.loads(line))["call"]
    ]
    for entry in (asked, done):
        assert entry["who"] == "chen.wei"
        assert entry["about"] == {"user": "gao.lin"}
    said = {"display_name": "Gao Lin", "admin": False, "joins": ["lab"], "leaves": []}
    assert asked["details"] == {**said, "done": False}
    assert done["details"] == {**said, "done": True}
