"""All routes are read anew while servers come and go: an older table never follows a newer one."""

import asyncio
from collections.abc import Mapping

from perijove.core.feed import Feed
from perijove.model.route import Route
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.integration.test_feed import following, start, stop, until
from tests.life import hub


class Held:
    """Holds one read of `feed`, after it has read the rows of servers."""

    def __init__(self, feed: Feed) -> None:
        self.holds, self.holding, self.free = True, asyncio.Event(), asyncio.Event()
        feed.beside = self.beside

    async def beside(self) -> Mapping[str, Route]:
        if self.holds:
            self.holds = False
            self.holding.set()
            await self.free.wait()
        return {}


async def test_a_read_beside_a_start_and_a_stop_takes_nobody_back(database: Database) -> None:
    life = await hub(database)
    life.feed.look = 60  # it sees by itself, later, that it has gone back
    async with following(life) as proxy:
        held = Held(life.feed)
        reading = asyncio.create_task(life.feed.refresh())
        await held.holding.wait()
        await start(life, "ada")
        await asyncio.sleep(0.3)  # a change is gathered for 0.05 s
        held.free.set()
        await reading
        await until(proxy, "/user/ada/")
        held = Held(life.feed)
        reading = asyncio.create_task(life.feed.refresh())
        await held.holding.wait()
        await stop(life, "ada")
        await asyncio.sleep(0.3)
        held.free.set()
        await reading
        await until(proxy)
        assert proxy.wholes == 1, "the version went back"


async def test_of_two_reads_at_once_the_newer_stays(database: Database) -> None:
    world = FakeSpawner("i")
    here, there = await hub(database, world), await hub(database, world)
    await here.feed.refresh()
    held = Held(here.feed)
    first = asyncio.create_task(here.feed.refresh())
    await held.holding.wait()
    await start(there, "bob")
    second = asyncio.create_task(here.feed.refresh())
    await asyncio.wait({second}, timeout=0.3)
    held.free.set()
    await asyncio.gather(first, second)
    assert "/user/bob/" in here.feed._routes
