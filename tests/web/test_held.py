"""What holds a start up is told on its page: to the person, to administrators, and raw."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perijove.http.reader import Reader
from perijove.model.server import Phase
from perijove.model.signal import Signal
from perijove.model.stage import Stage, StepCode, StepShown, StepState
from perijove.model.workload import LaunchSpec, Observation, State
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from perijove.web.held import held
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_servers import until

WHY = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."
GPU = Signal(
    code="no-room-gpu",
    params={"resource": "nvidia.com/gpu", "wanted": "2", "nodes": "gpu-01: 4", "why": WHY},
    at=datetime(2026, 11, 21, 10, 31, 7, tzinfo=UTC),
)
SLOW = Signal(code="image-slow", params={"image": "lab/torch:2026.11"})


class Cluster(FakeSpawner):
    """Every start waits, and the place says `signals` of it."""

    signals: tuple[Signal, ...] = ()
    facts: Mapping[str, str | int | float] = {}

    async def start(self, spec: LaunchSpec) -> None:
        if spec.name not in self.world:
            seen = Observation(
                state=State.PENDING, origin=spec.origin, signals=self.signals, facts=self.facts
            )
            self.become(spec.name, seen)


@pytest.fixture
async def cluster() -> Cluster:
    return Cluster("i")


@pytest.fixture
async def desk(database: Database, tmp_path: Path, cluster: Cluster) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path, spawner=cluster, in_cluster=True) as it:
        yield it


async def started(browser: Browser, sign: str) -> str:
    """Start lin's server, and return its page as soon as it shows `sign`."""
    await browser.post("/start/lin.xiao", "/home")
    return await shown(browser, sign)


async def shown(browser: Browser, sign: str) -> str:
    """Return the page of lin's start as soon as it shows `sign`: hub and place take their time."""
    async with asyncio.timeout(20):
        while sign not in (page := (await browser.get("/spawn-pending/lin.xiao")).text):
            await asyncio.sleep(0.02)
    return page


def section(page: str) -> str:
    """Return the text of what holds the start up."""
    found = page.partition('<div data-part="held">')[2].partition('<div class="aside">')[0]
    return Shown(found).text


def step_of(page: str, name: str) -> str:
    """Return the line of one step."""
    return next(it for it in page.split("</li>") if f"<span>{name}" in it).strip()


async def test_a_person_reads_what_holds_it_up_and_what_to_do_and_finds_the_raw_words(
    lin: Browser, cluster: Cluster
) -> None:
    cluster.signals = (GPU,)
    page = await started(lin, "no-room-gpu")
    told = section(page)
    assert told.startswith("What holds it up No machine has enough GPU free. Asked for: 2.")
    assert "choose options that need fewer or none." in told
    assert "administrator" not in told
    before, _, drawer = page.partition("Raw events and log")
    assert WHY not in before
    assert f"no-room-gpu resource=nvidia.com/gpu wanted=2 nodes=gpu-01: 4 why={WHY}" in drawer
    assert "Finding a machine. No machine has enough GPU free." in before  # read out
    assert "<time" in before.partition("What happened so far")[2]


async def test_it_is_told_in_chinese(desk: Desk, cluster: Cluster) -> None:
    cluster.signals = (SLOW,)
    await desk.person("lin.xiao")
    browser = Browser(desk, "zh")
    await browser.sign_in("lin.xiao")
    page = await started(browser, "lab/torch:2026.11")
    assert section(page) == (
        "等待原因 获取镜像 lab/torch:2026.11 已超过一分钟。"
        "获取期间无需操作。以后在同一台机器上启动会更快。"
    )


async def test_administrators_are_told_which_setting_and_which_command(
    lin: Browser, chen: Browser, cluster: Cluster
) -> None:
    cluster.signals = (SLOW,)
    await started(lin, "lab/torch:2026.11")
    page = await shown(chen, "lab/torch:2026.11")
    told = section(page)
    assert "For the administrator: The node fetches lab/torch:2026.11" in told
    [workload] = cluster.world
    assert f"<code>kubectl describe pod {workload}</code>" in page
    assert "`" not in told


async def test_what_is_as_usual_stands_beside_its_step_and_is_no_notice(
    lin: Browser, cluster: Cluster
) -> None:
    found = Signal(code="scheduled", params={"node": "gpu-01"}, good=True)
    cluster.signals = (found, Signal(code="image-pulling", params={"image": "lab/torch:1"}))
    cluster.facts = {"node": "gpu-01"}
    page = await started(lin, "gpu-01")
    assert section(page) == ""
    place, image = (step_of(page, name) for name in ("Finding a machine", "Getting the image"))
    assert place.startswith('<li class="done">')
    assert "<p>A machine was found: gpu-01.</p>" in place
    assert image.startswith('<li aria-current="step">')
    assert "<p>Getting the image lab/torch:1.</p>" in image


async def test_the_stream_takes_away_what_holds_it_up_no_more(
    desk: Desk, lin: Browser, cluster: Cluster
) -> None:
    cluster.signals = (GPU,)
    await started(lin, "no-room-gpu")
    [(name, seen)] = cluster.world.items()
    assert seen.origin
    address = f"http://127.0.0.1:{seen.origin.port}"
    cluster.become(name, replace(seen, state=State.UP, address=address, signals=()))
    await until(desk, "", Phase.RUNNING)
    xsrf = lin.http.cookies["_xsrf"]
    stream = (await lin.get(f"/spawn-stream/lin.xiao?_xsrf={xsrf}")).text
    assert '<div data-part="held"></div>' in stream  # nothing in it, so that it takes no place


async def test_a_start_that_failed_so_says_why_what_next_and_where_to_look(
    desk: Desk, lin: Browser, cluster: Cluster
) -> None:
    params = {"image": "lab/torch:13", "why": "manifest unknown"}
    cluster.signals = (Signal(code="image-missing", params=params, terminal=True),)
    await lin.post("/start/lin.xiao", "/home")
    await until(desk, "", Phase.FAILED)
    page = await lin.get("/spawn-pending/lin.xiao")
    assert "<p>The image lab/torch:13 does not exist.</p>" in page.text
    assert "Check its name and tag, or choose another image." in page.text
    assert "Correct <code>singleuser.image.name</code>" in page.text
    assert "Kubernetes says: manifest unknown" in page.text
    failed = page.text.partition('<li class="failed">')[2]
    assert "Getting the image" in failed.partition("</li>")[0]


def test_a_machine_that_is_added_is_told_although_there_is_no_room_yet(stage: Stage) -> None:
    adding = Signal(code="scaling-up", params={"why": "pod triggered scale-up"})
    hold = held(replace(stage, signals=(adding, GPU)), Reader(), administers=False)
    assert hold
    assert hold.words.startswith("No machine has room, so one is added.")


def test_a_home_that_is_being_made_holds_nothing_up_until_it_takes_long(stage: Stage) -> None:
    making = replace(stage, signals=(Signal(code="claim-pending", params={"claim": "c"}),))
    began = stage.steps[0].at
    assert began
    soon = Reader(now=began + timedelta(seconds=5))
    late = Reader(now=began + timedelta(seconds=40))
    assert held(making, soon, administers=True) is None
    assert held(making, late, administers=True)


@pytest.fixture
async def stage(desk: Desk, lin: Browser) -> Stage:
    await lin.post("/start/lin.xiao", "/home")
    owner = await desk.hub.accounts.named("lin.xiao")
    assert owner
    server = await desk.hub.servers.find(owner, "")
    assert server
    shown = StepShown(code=StepCode.STARTED, state=StepState.NOW, at=server.since)
    return replace(await desk.hub.progress.now(server), steps=(shown,))
