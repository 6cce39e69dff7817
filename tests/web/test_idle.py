"""A server that nobody uses: its owner is told before it ends, can have it longer, and sees why."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from perijove.model.server import Phase
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN
from tests.web.desk import Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_servers import started, until

SOON = {"timeout": 300, "extendMax": 7200}
"""It ends in five minutes, and one is told ten before."""


async def person(desk: Desk, language: str = "en") -> Browser:
    await desk.person("lin.xiao", display_name="Lin Xiao")
    browser = Browser(desk, language)
    await browser.sign_in("lin.xiao")
    return browser


WORDS = {
    "en": (
        r"Will be stopped at \d\d:\d\d, in [45] min",
        r"Extend to (\d\d:\d\d)",
        "will not be stopped before",
        "cannot be had any longer",
    ),
    "zh": (
        r"将于 \d\d:\d\d 停止.还有 [45] 分钟",
        r"延长到 (\d\d:\d\d)",
        "之前不会停止",
        "不能再延长",
    ),
}


@pytest.mark.parametrize("language", WORDS)
async def test_one_is_told_before_and_may_extend_it_once(
    database: Database, tmp_path: Path, language: str
) -> None:
    told, button, done, no_more = WORDS[language]
    async with open_desk(database, tmp_path, cull=SOON) as desk:
        lin = await person(desk, language)
        await started(desk, lin)
        home = (await lin.get("/home")).text
        assert re.search(told, home)
        latest = re.search(button, home)
        assert latest
        after = await lin.post("/extend/lin.xiao")
        assert done in after.text
        assert latest[1] in after.text
        assert not re.search(told, after.text)
        again = await lin.post("/extend/lin.xiao", "/home")
        assert again.status_code == 400
        assert no_more in again.text


async def test_nobody_is_told_long_before(desk: Desk, lin: Browser) -> None:
    await started(desk, lin)
    assert "Will be stopped" not in (await lin.get("/home")).text


async def test_it_says_afterwards_why_it_was_stopped(database: Database, tmp_path: Path) -> None:
    async with open_desk(database, tmp_path, cull={"maxAge": 1}) as desk:
        lin = await person(desk)
        await started(desk, lin)
        async with asyncio.timeout(20):
            while (await desk.running.life.culler.turn()).total_seconds() < 100:
                await asyncio.sleep(0.2)
        await until(desk, "", Phase.STOPPED)
        assert "as long as a server may run here" in (await lin.get("/home")).text


async def test_programs_see_when_it_ends_and_extend_it(database: Database, tmp_path: Path) -> None:
    async with open_desk(database, tmp_path, cull=SOON) as desk:
        lin = await person(desk)
        await started(desk, lin)
        transport = httpx.ASGITransport(app=desk.running.app)
        headers = {"authorization": f"token {ADMIN_TOKEN}"}
        base = "http://perijove.test/hub/api/users/lin.xiao"
        async with httpx.AsyncClient(transport=transport, headers=headers) as client:
            before = (await client.get(f"{base}/server")).json()["stops_at"]
            extended = await client.post(f"{base}/server/extend")
            assert extended.status_code == 200
            assert extended.json()["stops_at"] > before
            assert (await client.post(f"{base}/server/extend")).status_code == 400
            assert (await client.post(f"{base}/servers/none/extend")).status_code == 404
            await client.delete(f"{base}/server")
            await until(desk, "", Phase.STOPPED)
            assert (await client.get(f"{base}/server")).json()["stops_at"] is None
            assert (await client.post(f"{base}/server/extend")).status_code == 400
