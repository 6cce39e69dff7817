"""The progress stream of hub.md 2.7, over real sockets and through our own proxy."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from perijove.core import Hub
from perijove.http.gathered import Gathered
from perijove.kit.tasks import in_background
from perijove.parts import Parts
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.integration.proxy_parts import TOKEN, Proxy
from tests.parts import ADMIN_TOKEN, hub
from tests.ports import free_port

EDGE = {
    "hub": {
        "services": {"edge": {"api_token": TOKEN}},
        "loadRoles": {"edge": {"scopes": ["proxy"], "services": ["edge"]}},
    }
}
of(EDGE)  # settings read their tables when they are first used
SILENCE = 0.2
SERVER, PROGRESS = "/hub/api/users/ada/server", "/hub/api/users/ada/server/progress"


class World:
    """What outlives a hub: the database, the servers, the proxy; and whether servers answer."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.spawner = FakeSpawner("i")
        self.port = free_port()
        self.proxy = Proxy(free_port(), self.port, folder)
        self.answers = False
        headers = {"authorization": f"token {ADMIN_TOKEN}"}
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.proxy.port}", headers=headers, timeout=20
        )

    async def knock(self, url: str) -> bool:
        del url
        return self.answers

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[None]:
        """Run a hub until the block ends, as abruptly as a process can."""
        running = await hub(self.database, self.spawner, EDGE, knock=self.knock, silence=SILENCE)
        if await running.hub.accounts.named("ada") is None:
            await running.hub.accounts.add("ada")
        server = uvicorn.Server(uvicorn.Config(
            running.app, port=self.port, http=Gathered, log_level="critical", lifespan="off",
            proxy_headers=False, server_header=False, timeout_graceful_shutdown=0,
        ))  # fmt: skip
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        async with in_background(running.life.run()):
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                yield
            finally:
                server.should_exit = True
                await serving

    async def events(self, *, most: int = 100) -> list[dict[str, Any]]:
        """Return the events of one stream through the proxy, at most so many."""
        found = []
        async with self.client.stream("GET", PROGRESS) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == most:
                    break
        return found


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    it = World(database, tmp_path)
    async with it.hub():
        await it.proxy.start()
    try:
        yield it
    finally:
        await it.client.aclose()
        await it.proxy.end()


async def test_silence_is_broken_and_nothing_is_held_back_on_the_way(world: World) -> None:
    async with world.hub():
        assert (await world.client.post(SERVER)).status_code == 202
        at: list[float] = []
        text = b""
        async with world.client.stream("GET", PROGRESS) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-cache"
            async for part in answer.aiter_raw():
                at.append(time.monotonic())
                text += part
                if len(at) == 8:
                    world.answers = True
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert text.startswith(b"\n\n")
        assert text.count(b"\n\n\n\n") >= 3  # blank keep-alives between two events
        assert len(at) >= 8, "they came one by one"
        assert sorted(gaps)[len(gaps) // 2] < 3 * SILENCE
        blocks = [block for block in text.split(b"\n\n") if block]
        assert all(block.startswith(b"data: {") and b"\n" not in block for block in blocks)
        last = json.loads(blocks[-1].removeprefix(b"data: "))
        assert (last["progress"], last["ready"], last["url"]) == (100, True, "/user/ada/")


def test_a_stream_is_never_silent_for_more_than_ten_seconds() -> None:
    for made in (Parts, Hub):
        (silence,) = [it.default for it in fields(made) if it.name == "silence"]
        assert isinstance(silence, float)
        assert silence <= 10


async def test_a_page_that_is_loaded_again_goes_on_where_the_start_is(world: World) -> None:
    async with world.hub():
        assert (await world.client.post(SERVER)).status_code == 202
        (first,) = await _until(world, 80)
        for _ in range(5):
            (again,) = await world.events(most=1)
            assert again == first, "the stage that is reached comes at once"
        world.answers = True
        *_, last = await world.events()
        assert last["ready"] is True
        assert await world.events() == [last]


async def test_a_hub_that_comes_back_goes_on_with_the_stream(world: World) -> None:
    async with world.hub():
        assert (await world.client.post(SERVER)).status_code == 202
        await _until(world, 80)
        cut = asyncio.create_task(world.events())
        await asyncio.sleep(2 * SILENCE)
    with pytest.raises(httpx.HTTPError):  # cut short, not ended as if the start were over
        await cut
    down = await world.client.get(PROGRESS)
    assert down.status_code in {502, 503}
    async with world.hub():
        (stage,) = await _until(world, 80)
        assert "ready" not in stage
        world.answers = True
        *_, last = await world.events()
        assert last["ready"] is True
    assert world.spawner.started == ["jupyter-ada"]


async def test_many_who_watch_see_the_same(world: World) -> None:
    async with world.hub():
        assert (await world.client.post(SERVER)).status_code == 202
        watching = [asyncio.create_task(world.events()) for _ in range(20)]
        await asyncio.sleep(2 * SILENCE)
        world.answers = True
        lasts = {json.dumps((await one)[-1]) for one in watching}
    assert len(lasts) == 1


async def _until(world: World, percent: int) -> list[dict[str, Any]]:
    """Wait until the start has come so far; return the event that says so."""
    async with asyncio.timeout(20):
        while (found := await world.events(most=1))[0]["progress"] < percent:
            await asyncio.sleep(0.02)
    return found
