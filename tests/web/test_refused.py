"""What pages say of a start that failed at once, and of choices that cannot be had."""

import asyncio
from pathlib import Path

import pytest

from perijove.model.server import Phase
from perijove.model.workload import Observation, State
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.gpus import Gpus
from perijove.store.database import Database
from tests.gpus import WHOLE, tool
from tests.web.desk import PROFILES, Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_servers import started, until

NO_LOG = {"en": "so there is no log", "zh": "因此没有日志"}


@pytest.mark.parametrize("language", NO_LOG)
async def test_nobody_is_sent_to_a_log_that_is_empty(desk: Desk, language: str) -> None:
    await desk.person("lin.xiao")
    lin = Browser(desk, language)
    await lin.sign_in("lin.xiao")
    await started(desk, lin)
    [(workload, seen)] = desk.spawner.world.items()
    desk.spawner.written[workload] = ""
    desk.spawner.become(
        workload, Observation(state=State.EXITED, origin=seen.origin, exit_code=127)
    )
    await until(desk, "", Phase.FAILED)
    page = (await lin.get("/spawn-pending/lin.xiao")).text
    assert NO_LOG[language] in page
    assert '<pre class="log"' not in page
    for sends in ("Look at the log", "请先查看日志"):
        assert sends not in page


async def test_a_choice_that_this_machine_cannot_give_is_not_made_again(
    database: Database, tmp_path: Path
) -> None:
    wants = {"extra_resource_limits": {"nvidia.com/gpu": 3}}
    offers = [*PROFILES, {"display_name": "Huge", "kubespawner_override": wants}]
    (tmp_path / "workloads").mkdir()
    spawner = FakeSpawner("i")
    async with open_desk(database, tmp_path, offers=offers, spawner=spawner) as at:
        lin_xiao = await at.person("lin.xiao")
        lin = Browser(at)
        await lin.sign_in("lin.xiao")
        await at.hub.servers.start(lin_xiao, "", {"profile": "huge"})
        await until(at, "", Phase.RUNNING)
        await lin.post("/stop/lin.xiao", "/home")
        await until(at, "", Phase.STOPPED)
        chosen = 'value="huge" data-say="Huge" checked'
        assert chosen in (await lin.get("/spawn/lin.xiao")).text, "it was, and can be again"
        gpus = Gpus(tmp_path / "workloads", {}, await asyncio.to_thread(tool, tmp_path, WHOLE))
        spawner.devices = at.hub.servers.allotment.devices = gpus
        page = (await lin.get("/spawn/lin.xiao")).text
        assert chosen not in page
        assert "Some of your last choices are not offered any more" in page
        refused = await lin.post("/spawn/lin.xiao", "/home", profile="huge")
        assert refused.status_code == 400
        assert "3 are needed, and this machine has 2" in refused.text
        assert chosen not in refused.text
        for words in ("last time", "Your last choices are filled in."):
            assert words not in refused.text
