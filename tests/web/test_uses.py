"""What servers use is on the pages of those whom it concerns, in their language."""

import asyncio
from dataclasses import replace
from pathlib import Path

from perijove.model.usage import Process, Usage
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.gpus import Gpus
from perijove.store.database import Database
from tests.gpus import tool
from tests.integration.test_usage import Meter
from tests.web.desk import Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_servers import started

GIB = 1 << 30
GPU = {"extra_resource_limits": {"nvidia.com/gpu": 1}}
OFFERS = [{"display_name": "GPU", "kubespawner_override": GPU}]
USED = Usage(
    incarnation=1, memory=int(1.3 * GIB), memory_limit=4 * GIB, cpu_seconds=0.0, processes=12,
    open_files=1400,
)  # fmt: skip


def place(folder: Path) -> tuple[FakeSpawner, Meter]:
    spawner, meter = FakeSpawner("i"), Meter()
    (folder / "workloads").mkdir()
    spawner.gauge = meter
    spawner.devices = Gpus(folder / "workloads", {}, tool(folder / "machine"))
    return spawner, meter


async def signed_in(desk: Desk, name: str, *, admin: bool = False) -> Browser:
    """Return a browser in which a new person has signed in."""
    await desk.person(name, admin=admin)
    browser = Browser(desk)
    await browser.sign_in(name)
    return browser


async def test_home_says_what_the_own_server_uses(database: Database, tmp_path: Path) -> None:
    spawner, meter = place(tmp_path)
    async with open_desk(database, tmp_path, offers=OFFERS, spawner=spawner) as desk:
        lin = await signed_in(desk, "lin.xiao")
        await started(desk, lin)
        (key,) = spawner.world
        meter.said = {key: USED}
        home = (await lin.get("/home")).text
        assert "1.3 GiB of 4 GiB" in home
        assert 'value="0.325"' in home
        assert "12, with 1,400 open files" in home
        assert "NVIDIA A100-SXM4-80GB" in home
        assert "is being added up" in home
        async with asyncio.timeout(20):
            while "5.0 GiB, just now" not in (await lin.get("/home")).text:
                await asyncio.sleep(0.05)
        assert meter.homes
        assert "Memory has run out" not in home


async def test_a_process_that_was_ended_is_told_while_the_server_goes_on(
    database: Database, tmp_path: Path
) -> None:
    spawner, meter = place(tmp_path)
    async with open_desk(database, tmp_path, offers=OFFERS, spawner=spawner) as desk:
        lin = await signed_in(desk, "lin.xiao")
        await started(desk, lin)
        (key,) = spawner.world
        killed = Process("<b>python3", int(3.9 * GIB))
        meter.said = {key: replace(USED, out_of_memory=2, last_ended=killed)}
        home = (await lin.get("/home")).text
        assert "Memory has run out in it" in home
        assert "for want of memory: 2, at the limit of 4 GiB." in home
        assert "The last was &lt;b&gt;python3, with 3.9 GiB." in home
        lin.http.headers["accept-language"] = "zh"
        assert "其中内存曾不足" in (await lin.get("/home")).text


async def test_processes_that_could_not_begin_are_told(database: Database, tmp_path: Path) -> None:
    spawner, meter = place(tmp_path)
    async with open_desk(database, tmp_path, offers=OFFERS, spawner=spawner) as desk:
        lin = await signed_in(desk, "lin.xiao")
        await started(desk, lin)
        (key,) = spawner.world
        meter.said = {key: replace(USED, processes_limit=4096, processes_refused=7)}
        home = (await lin.get("/home")).text
        assert "Too many processes" in home
        assert "wanted more than 4,096 processes at once" in home
        assert "7 could not begin" in home
        lin.http.headers["accept-language"] = "zh"
        assert "进程太多" in (await lin.get("/home")).text


async def test_administrators_see_who_uses_what(database: Database, tmp_path: Path) -> None:
    spawner, meter = place(tmp_path)
    async with open_desk(database, tmp_path, offers=OFFERS, spawner=spawner) as desk:
        lin, chen = await signed_in(desk, "lin.xiao"), await signed_in(desk, "chen.wei", admin=True)
        await desk.hub.servers.allotment.look()
        await started(desk, lin)
        (key,) = spawner.world
        meter.said = {key: USED}
        people = (await chen.get("/admin")).text
        assert "1.3 GiB" in people
        assert "NVIDIA A100-SXM4-80GB" in people
        person = (await chen.get("/admin/lin.xiao")).text
        assert "1.3 GiB of 4 GiB" in person
        assert "NVIDIA A100-SXM4-80GB" in person
        assert "is being added up" in person


async def test_where_nobody_knows_nothing_is_said(database: Database, tmp_path: Path) -> None:
    async with open_desk(database, tmp_path) as desk:
        lin, chen = await signed_in(desk, "lin.xiao"), await signed_in(desk, "chen.wei", admin=True)
        await started(desk, lin)
        assert "facts" not in (await lin.get("/home")).text
        assert "being added up" not in (await chen.get("/admin/lin.xiao")).text
        people = (await chen.get("/admin")).text
        assert ">GPU<" not in people
        assert ">Memory<" not in people


async def test_a_start_without_a_free_gpu_says_so_on_its_page(
    database: Database, tmp_path: Path
) -> None:
    spawner, _ = place(tmp_path)
    two = {"extra_resource_limits": {"nvidia.com/gpu": 2}}
    offers = [{"display_name": "Both", "kubespawner_override": two}]
    async with open_desk(database, tmp_path, offers=offers, spawner=spawner) as desk:
        lin, chen = await signed_in(desk, "lin.xiao"), await signed_in(desk, "chen.wei")
        await started(desk, lin)
        refused = await chen.post("/start/chen.wei", "/home")
        assert refused.status_code == 400
        assert "GPU: all 2 of this machine are in use." in refused.text
