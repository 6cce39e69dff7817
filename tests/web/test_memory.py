"""A server that ran out of memory: one press gives it more, or it is said whom to ask."""

from pathlib import Path
from typing import Any

import pytest

from perijove.model.server import Phase
from perijove.model.signal import Signal
from perijove.model.workload import Observation, State
from perijove.store.database import Database
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_servers import started, until

SIZES: list[dict[str, Any]] = [
    {"display_name": "Small", "kubespawner_override": {"mem_limit": "1G"}},
    {"display_name": "Large", "kubespawner_override": {"mem_limit": "4G"}},
]


async def run_out_of_memory(desk: Desk) -> None:
    [(workload, seen)] = desk.spawner.world.items()
    signal = Signal(code="out-of-memory", params={"limit": 1 << 30}, terminal=True)
    desk.spawner.become(
        workload,
        Observation(state=State.EXITED, origin=seen.origin, exit_code=-9, signals=(signal,)),
    )
    await until(desk, "", Phase.FAILED)


MORE = {
    "en": ("Start again with 4 GiB", "With more memory it starts as “Large”.", "Start as before"),
    "zh": ("用 4 GiB 重新启动", "使用更多内存时\uff0c将以“Large”启动。", "按原配置启动"),
}


@pytest.mark.parametrize("language", MORE)
async def test_one_press_starts_it_again_with_more_memory(
    database: Database, tmp_path: Path, language: str
) -> None:
    async with open_desk(database, tmp_path, offers=SIZES) as desk:
        user = await desk.person("lin.xiao")
        lin = Browser(desk, language)
        await lin.sign_in("lin.xiao")
        await started(desk, lin)
        await run_out_of_memory(desk)
        failed = Shown((await lin.get("/spawn-pending/lin.xiao")).text).text
        for words in MORE[language]:
            assert words in failed
        assert MORE[language][0] in (await lin.get("/home")).text
        await lin.post("/start/lin.xiao", "/spawn-pending/lin.xiao", memory="more")
        await until(desk, "", Phase.RUNNING)
        server = await desk.hub.servers.find(user, "")
        assert server
        assert dict(server.user_options) == {"profile": "large"}


async def test_who_can_choose_no_more_memory_is_told_whom_to_ask(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database, tmp_path, offers=SIZES[:1]) as desk:
        await desk.person("lin.xiao")
        await desk.person("chen.wei", display_name="Chen Wei", admin=True)
        lin = Browser(desk)
        await lin.sign_in("lin.xiao")
        await started(desk, lin)
        await run_out_of_memory(desk)
        failed = (await lin.get("/spawn-pending/lin.xiao")).text
        assert "Nothing that you can choose has more memory." in failed
        assert "ask for more: Chen Wei." in failed
        assert "Start again with" not in failed
        late = await lin.post("/start/lin.xiao", "/home", memory="more")
        assert late.url.path == "/hub/spawn/lin.xiao", "a page of before its settings changed"
