"""The trash on the page of all people, in both languages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perijove.store.database import Database
from tests.integration.test_trash import Housed
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk

WORDS = {
    "en": ("Trash", "Restore", "30 days", "lin.xiao is back", "There is somebody called lin.xiao"),
    "zh": ("回收站", "恢复", "30 天", "lin.xiao 已恢复", "现在又有名为 lin.xiao 的用户"),
}


@pytest.fixture
async def housed(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path, spawner=Housed(tmp_path)) as it:
        await it.person("chen.wei", admin=True)
        yield it


NO_HOME = {"en": "There is no home folder yet", "zh": "还没有主目录"}


@pytest.mark.parametrize("language", NO_HOME)
async def test_the_trash_is_promised_to_nobody_who_has_no_home(housed: Desk, language: str) -> None:
    chen = await administrator(housed, language)
    user = await housed.person("lin.xiao")
    asks = {"do": "delete", "user": str(user.id)}
    for page in (
        await chen.get("/admin/lin.xiao"),
        await chen.post("/people", "/admin", **asks),
    ):
        assert NO_HOME[language] in page.text
        assert WORDS[language][2] not in page.text
    assert isinstance(housed.spawner, Housed)
    await housed.spawner.make(await housed.hub.servers.home(user))
    for page in (
        await chen.get("/admin/lin.xiao"),
        await chen.post("/people", "/admin", **asks),
    ):
        assert NO_HOME[language] not in page.text
        assert WORDS[language][2] in page.text, "the loss is told before"


async def administrator(desk: Desk, language: str = "en") -> Browser:
    browser = Browser(desk, language)
    await browser.sign_in("chen.wei")
    return browser


async def deleted(desk: Desk, chen: Browser) -> str:
    """Delete Lin Xiao, who has a home, on the page; return its key."""
    user = await desk.person("lin.xiao", display_name="Lin Xiao")
    spawner = desk.spawner
    assert isinstance(spawner, Housed)
    await spawner.make(await desk.hub.servers.home(user))
    await chen.post("/admin/lin.xiao/delete", "/admin/lin.xiao", typed="lin.xiao")
    [it] = await desk.hub.trash.all()
    return it.key


@pytest.mark.parametrize("language", WORDS)
async def test_a_deleted_person_is_restored_from_the_page(housed: Desk, language: str) -> None:
    trash, restore, days, back, _ = WORDS[language]
    chen = await administrator(housed, language)
    await housed.person("lin.xiao")
    assert days not in (await chen.get("/admin/lin.xiao")).text, "there is nothing to keep"
    await housed.hub.accounts.delete(await housed.hub.accounts.named("lin.xiao"))  # type: ignore[arg-type]
    assert trash not in Shown((await chen.get("/admin")).text).text, "there was no home"
    key = await deleted(housed, chen)
    await housed.hub.trash.turn()
    page = Shown((await chen.get("/admin")).text).text
    for words in (trash, restore, "Lin Xiao"):
        assert words in page
    after = await chen.post(f"/trash/{key}/restore", "/admin")
    assert after.url.path == "/hub/admin/lin.xiao"
    assert back in after.text
    assert trash not in Shown((await chen.get("/admin")).text).text


@pytest.mark.parametrize("language", WORDS)
async def test_who_has_the_name_now_is_not_given_the_files_by_one_press(
    housed: Desk, language: str
) -> None:
    chen = await administrator(housed, language)
    key = await deleted(housed, chen)
    await housed.person("lin.xiao")
    words = WORDS[language][-1]
    assert words in (await chen.get("/admin")).text, "the dialog says it before"
    refused = await chen.post(f"/trash/{key}/restore", "/admin")
    assert refused.status_code == 400
    assert words in refused.text
    nobody = await chen.post(f"/trash/{key}/restore", "/admin", into="nobody")
    assert nobody.status_code == 400
    given = await chen.post(f"/trash/{key}/restore", "/admin", into="lin.xiao")
    assert "restored-" in given.text
    assert await housed.hub.trash.all() == []


async def test_it_is_emptied_only_by_typing_the_name(housed: Desk) -> None:
    chen = await administrator(housed)
    key = await deleted(housed, chen)
    await housed.hub.trash.turn()
    assert "All files in it are lost (" in (await chen.get("/admin")).text
    wrong = await chen.post(f"/trash/{key}/empty", "/admin", typed="lin")
    assert wrong.status_code == 400
    assert len(await housed.hub.trash.all()) == 1
    gone = await chen.post(f"/trash/{key}/empty", "/admin", typed="lin.xiao")
    assert "The home folder of lin.xiao is deleted for good." in gone.text
    assert await housed.hub.trash.all() == []
    late = await chen.post(f"/trash/{key}/empty", "/admin", typed="lin.xiao")
    assert "There is no such home in the trash any more." in late.text


async def test_nobody_else_sees_or_touches_it(housed: Desk) -> None:
    chen = await administrator(housed)
    key = await deleted(housed, chen)
    await housed.person("wu.min")
    wu = Browser(housed)
    await wu.sign_in("wu.min")
    for action in ("restore", "empty"):
        assert (
            await wu.post(f"/trash/{key}/{action}", "/token", typed="lin.xiao")
        ).status_code == 403
    assert len(await housed.hub.trash.all()) == 1
