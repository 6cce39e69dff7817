"""A rescue start, on pages: offered where it helps, asked for by whoever wants it, for once."""

import pytest

from perijove.core.about import Homes
from perijove.core.rescue import helps
from perijove.model.server import Phase
from perijove.model.signal import Signal
from perijove.model.workload import Observation, State
from tests.web.desk import Browser, Desk, Shown
from tests.web.test_servers import started, until

WORDS = {
    "en": ("Rescue start", "Your home folder is full", "your files are in old-home in it"),
    "zh": ("救援启动", "主目录已满", "你的文件在其中的 old-home 里"),
}


async def ends(desk: Desk, code: str) -> None:
    """End the server, for a reason that its place knows."""
    [(workload, seen)] = desk.spawner.world.items()
    signals = (Signal(code=code, terminal=True),) if code != "exited" else ()
    desk.spawner.become(
        workload,
        Observation(state=State.EXITED, origin=seen.origin, exit_code=1, signals=signals),
    )
    await until(desk, "", Phase.FAILED)


async def lin_at(desk: Desk, language: str = "en") -> Browser:
    await desk.person("lin.xiao")
    lin = Browser(desk, language)
    await lin.sign_in("lin.xiao")
    return lin


@pytest.mark.parametrize("language", WORDS)
async def test_a_full_home_is_opened_by_the_first_button_and_only_once(
    desk: Desk, language: str
) -> None:
    button, full, where = WORDS[language]
    lin = await lin_at(desk, language)
    await started(desk, lin)
    await ends(desk, "home-full")
    page = await lin.get("/spawn-pending/lin.xiao")
    assert full in page.text
    assert button in page.text
    assert page.text.index('name="rescue"') < page.text.index("button quiet")
    await lin.post("/start/lin.xiao", "/home", rescue="1")
    await until(desk, "", Phase.RUNNING)
    assert where in Shown((await lin.get("/home")).text).text
    await ends(desk, "home-full")
    assert 'name="rescue"' not in (await lin.get("/spawn-pending/lin.xiao")).text, "it did not help"
    await lin.post("/start/lin.xiao", "/home")
    await until(desk, "", Phase.RUNNING)
    assert where not in Shown((await lin.get("/home")).text).text, "the next start is the usual one"


async def test_it_is_not_offered_for_what_it_cannot_help(desk: Desk) -> None:
    lin = await lin_at(desk)
    await started(desk, lin)
    await ends(desk, "exited")
    page = (await lin.get("/spawn-pending/lin.xiao")).text
    assert 'name="rescue"' not in page, "it ran"


async def test_whoever_wants_it_finds_it_on_the_start_page_behind_the_usual_start(
    desk: Desk,
) -> None:
    lin = await lin_at(desk)
    page = (await lin.get("/spawn/lin.xiao")).text
    assert page.index('class="button main"') < page.index('name="rescue"'), "Enter starts as usual"
    await lin.post("/spawn/lin.xiao", "/spawn/lin.xiao", profile="deep", rescue="1")
    await until(desk, "", Phase.RUNNING)
    user = await desk.hub.accounts.named("lin.xiao")
    assert user
    server = await desk.hub.servers.find(user, "")
    assert server
    assert server.rescue
    assert dict(server.user_options) == {"profile": "deep"}, "what is remembered is what was chosen"


async def test_where_files_end_with_the_server_it_helps_nobody(desk: Desk) -> None:
    lin = await lin_at(desk)
    await started(desk, lin)
    await ends(desk, "home-full")
    user = await desk.hub.accounts.named("lin.xiao")
    assert user
    server = await desk.hub.servers.find(user, "")
    assert server
    assert helps(server, Homes.KEPT, ran=True)
    assert not helps(server, Homes.NONE, ran=True)
