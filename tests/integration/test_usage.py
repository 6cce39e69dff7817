"""What servers use is told to whoever may know, remembered for a moment, and dated."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.gauges import Gauges
from perijove.kit.tasks import in_background
from perijove.model.placement import Placement
from perijove.model.server import Desired, Phase, Server
from perijove.model.usage import Machine, Process, Usage
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.gpus import Gpus
from perijove.store.database import Database
from tests.browser import Browser
from tests.doors import Hands
from tests.gpus import tool
from tests.parts import ADMIN_TOKEN, hub, services, user

GIB = 1 << 30
GPU = {"extraResource": {"limits": {"nvidia.com/gpu": 1}}}
TREE: dict[str, Any] = {
    "hub": services(reader=("read:servers!user=ada",), monitor=("read:servers",))["hub"],
    "singleuser": GPU,
}
of(TREE)  # settings read their tables when they are first used


class Meter:
    """Says what it was told to say, and counts how often it was asked."""

    def __init__(self) -> None:
        self.said: dict[str, Usage] = {}
        self.asked: list[list[str]] = []
        self.homes: list[str] = []
        self.size: int | None = 5 * GIB

    def usage(self, names: Collection[str]) -> Mapping[str, Usage]:
        self.asked.append(list(names))
        return {name: self.said[name] for name in names if name in self.said}

    def machine(self) -> Machine:
        return Machine(cores=4, memory=8 * GIB, memory_free=GIB, disk=100 * GIB, disk_free=GIB)

    def home(self, placement: Placement) -> int | None:
        self.homes.append(placement.home)
        if self.size == 0:
            raise PermissionError
        return self.size


def server(hands: Hands, **more: Any) -> Server:
    given: dict[str, Any] = {
        "id": 1, "user_id": 1, "user": "ada", "name": "", "user_options": {},
        "desired": Desired.RUNNING, "phase": Phase.RUNNING, "since": hands.clock()(),
        "incarnation": 1,
        "placement": Placement(workload="jupyter-ada", port=1, client="c", home="1-ada"),
    }  # fmt: skip
    return Server(**{**given, **more})


def gauges(meter: Meter, hands: Hands) -> Gauges:
    return Gauges(gauge=meter, clock=hands.clock())


async def test_cores_are_those_since_the_look_before() -> None:
    hands, meter = Hands(), Meter()
    it, ada = gauges(meter, hands), server(hands)
    meter.said["jupyter-ada"] = Usage(incarnation=1, cpu_seconds=1.0)
    assert (await it.of([ada]))[1].cores is None, "it began just now"
    hands.move(timedelta(seconds=1))
    assert (await it.of([ada]))[1].cores is None
    assert len(meter.asked) == 1, "what was seen a moment ago is good"
    hands.move(timedelta(seconds=3))
    meter.said["jupyter-ada"] = Usage(incarnation=1, cpu_seconds=7.0)
    assert (await it.of([ada]))[1].cores == 1.5
    hands.move(timedelta(seconds=10))
    assert (await it.of([ada]))[1].cores == 0.0


async def test_the_first_look_says_the_cores_since_its_start() -> None:
    hands, meter = Hands(), Meter()
    ada = server(hands)
    hands.move(timedelta(seconds=20))
    meter.said["jupyter-ada"] = Usage(incarnation=1, cpu_seconds=5.0)
    assert (await gauges(meter, hands).of([ada]))[1].cores == 0.25


async def test_what_another_start_used_is_not_this_ones() -> None:
    hands, meter = Hands(), Meter()
    it, ada = gauges(meter, hands), server(hands)
    meter.said["jupyter-ada"] = Usage(incarnation=1, memory=1)
    assert 1 in await it.of([ada])
    assert await it.of([replace(ada, incarnation=2)]) == {}
    assert await it.of([replace(ada, phase=Phase.STOPPED)]) == {}


async def test_a_home_is_added_up_behind_and_again_when_it_is_old() -> None:
    hands, meter = Hands(), Meter()
    it, place = gauges(meter, hands), server(hands).placement
    assert it.home(place) is None
    async with in_background(it.run()):
        await until(lambda: it.known(place) is not None)
        size = it.home(place)
        assert size
        assert (size.bytes, size.at) == (5 * GIB, hands.clock()())
        assert [it.home(place) for _ in range(5)] == [size] * 5
        hands.move(timedelta(minutes=11))
        meter.size = 0
        assert it.home(place) == size, "the old one, until there is a new one"
        await until(lambda: it.known(place) != size)
        assert (again := it.home(place))
        assert again.bytes is None
    assert meter.homes == ["1-ada"] * 2


async def until(done: Any) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[tuple[Running, Meter]]:
    """Two people whose servers run, on a machine with two GPUs."""
    spawner, meter = FakeSpawner("i"), Meter()
    (tmp_path / "workloads").mkdir()
    spawner.gauge = meter
    spawner.devices = Gpus(
        tmp_path / "workloads",
        {"extra_resource_limits": GPU["extraResource"]["limits"]},
        tool(tmp_path / "machine"),
    )
    running = await hub(database, spawner, tree=TREE)
    async with in_background(running.life.run()):
        for name in ("ada", "bob"):
            await user(running, name)
            await ask(running, ADMIN_TOKEN, f"/users/{name}/server", "POST")
            await ready(running, name)
        yield running, meter


World = tuple[Running, Meter]


async def test_one_server_is_told_to_whom_may_read_it(world: World) -> None:
    running, meter = world
    meter.said["jupyter-ada"] = Usage(
        incarnation=1, memory=GIB, memory_limit=2 * GIB, cpu_seconds=1.0, processes=3,
        open_files=40, biggest=Process("python3", GIB // 2), out_of_memory=1,
        last_ended=Process("python3", 2 * GIB),
    )  # fmt: skip
    one = await ask(running, "reader-token", "/users/ada/server/usage")
    assert (one["memory"], one["memory_limit"], one["memory_guarantee"]) == (GIB, 2 * GIB, None)
    assert (one["processes"], one["open_files"], one["out_of_memory"]) == (3, 40, 1)
    assert one["biggest"] == {"name": "python3", "memory": GIB // 2}
    assert one["last_ended"] == {"name": "python3", "memory": 2 * GIB}
    assert (one["home"], one["home_at"]) == (None, None)
    await until(lambda: meter.homes)
    assert (await ask(running, "reader-token", "/users/ada/server/usage"))["home"] == 5 * GIB
    assert await status(running, "reader-token", "/users/bob/server/usage") == 404
    shown = await ask(running, ADMIN_TOKEN, "/users/ada/server")
    assert shown["devices"] == one["devices"] != []


async def test_all_of_it_is_told_to_whom_may_read_every_server(world: World) -> None:
    running, meter = world
    meter.said["jupyter-ada"] = Usage(incarnation=1, memory=GIB)
    every = await ask(running, "monitor-token", "/usage")
    assert every["machine"]["memory_free"] == GIB
    assert {name: it["memory"] for name, it in every["servers"].items()} == {
        "ada/": GIB,
        "bob/": None,
    }
    assert every["share"] == 1
    assert sorted(it["servers"] for it in every["devices"]) == [["ada/"], ["bob/"]]
    assert meter.homes == [], "nobody has asked for one"
    assert await status(running, "reader-token", "/usage") == 403


async def test_who_comes_too_late_for_a_gpu_is_told_so(world: World) -> None:
    running, _ = world
    await user(running, "carl")
    browser = Browser(running, authorization=f"token {ADMIN_TOKEN}")
    full = await browser.http.post("/hub/api/users/carl/server")
    assert (full.status_code, full.json()["code"]) == (429, "devices-in-use")
    assert "retry-after" not in full.headers
    assert full.json()["message"].startswith("GPU: all 2 of this machine are in use.")


async def ask(running: Running, token: str, path: str, method: str = "GET") -> Any:
    browser = Browser(running, authorization=f"token {token}")
    answer = await browser.http.request(method, f"/hub/api{path}")
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.text else {}


async def status(running: Running, token: str, path: str) -> int:
    browser = Browser(running, authorization=f"token {token}")
    return int((await browser.http.get(f"/hub/api{path}")).status_code)


async def ready(running: Running, name: str) -> None:
    async with asyncio.timeout(20):
        owner = await running.hub.accounts.named(name)
        assert owner
        while True:
            found = await running.hub.servers.find(owner, "")
            if found and found.phase is Phase.RUNNING:
                return
            await asyncio.sleep(0.02)
