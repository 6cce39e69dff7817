"""Three hubs on one database: any of them answers anything, and each server has one driver."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from perijove.core.leases import Rhythm
from perijove.core.lifecycle import Lifecycle
from perijove.kit.tasks import in_background
from perijove.model.server import Phase, Server
from perijove.model.stage import Outcome
from perijove.model.workload import LaunchSpec
from perijove.spawners.fake import FakeSpawner
from perijove.store import phase_log, servers
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.databases import SHARED
from tests.life import hub, user

everywhere = pytest.mark.parametrize("database_url", SHARED, indirect=True)

QUICK = Rhythm(beat=0.1, believed=0.6, patience=0.8)
STEADY = replace(QUICK, believed=6.0, patience=8.0)
"""Of hubs of which none dies: all three have one event loop, which a busy machine may hold up."""


class OnePlace(FakeSpawner):
    """Where the servers of all three run; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__("i")
        self.asked = Counter[str]()

    async def start(self, spec: LaunchSpec) -> None:
        self.asked[spec.name] += 1
        await super().start(spec)


@dataclass(frozen=True)
class Hubs:
    """Those that run."""

    place: OnePlace
    each: list[Lifecycle]

    def driver(self, key: str) -> Lifecycle:
        (one,) = [it for it in self.each if it.reconciler.leases.holds(key)]
        return one

    def others(self, key: str) -> list[Lifecycle]:
        driver = self.driver(key)
        return [it for it in self.each if it is not driver]


@asynccontextmanager
async def running(
    url: str, number: int = 3, rhythm: Rhythm = STEADY, **needs: object
) -> AsyncIterator[Hubs]:
    place, found = OnePlace(), list[Lifecycle]()
    async with AsyncExitStack() as stack:
        for n in range(number):
            database = await open_database(url)
            stack.push_async_callback(database.close)
            one = await hub(database, place, replica=f"hub-{n}", rhythm=rhythm, **needs)
            await stack.enter_async_context(in_background(one.run()))
            found.append(one)
        async with asyncio.timeout(20):
            while sum(it.reconciler.leases.count() for it in found) < 64 or not all(
                it.reconciler.leases.count() for it in found
            ):
                await asyncio.sleep(0.02)
        yield Hubs(place, found)


async def until(database: Database, key: str, phase: Phase) -> None:
    async with asyncio.timeout(20):
        while True:
            row = await database.read(servers.at(key))
            if row and row.phase is phase:
                return
            await asyncio.sleep(0.01)


@everywhere
async def test_whoever_is_asked_the_driver_starts_it_once_and_at_once(
    database: Database, database_url: str
) -> None:
    async with running(database_url) as hubs:
        ada = await user(hubs.each[0])
        for other in hubs.others("jupyter-ada"):
            began = asyncio.get_running_loop().time()
            await other.servers.start(ada, "", {})
            await until(database, "jupyter-ada", Phase.RUNNING)
            await other.servers.stop(ada, "")
            await until(database, "jupyter-ada", Phase.STOPPED)
            assert asyncio.get_running_loop().time() - began < 15
        row = await database.read(servers.at("jupyter-ada"))
    assert row
    assert row.incarnation == 2
    assert hubs.place.asked == {"jupyter-ada": 2}


# MariaDB and MySQL have no bells: there, everybody looks once a second.
@pytest.mark.parametrize("database_url", [it for it in SHARED if it == "postgres"], indirect=True)
async def test_what_one_is_asked_another_hears_without_looking(
    database: Database, database_url: str
) -> None:
    async with running(database_url) as hubs:
        ada = await user(hubs.each[0])
        driver, other = hubs.driver("jupyter-ada"), hubs.others("jupyter-ada")[0]
        heard = list[str]()
        assert driver.rings
        driver.rings.server = heard.append
        await other.servers.start(ada, "", {})
        await until(database, "jupyter-ada", Phase.RUNNING)  # it looks by itself, too
        assert heard == ["jupyter-ada"]


@everywhere
async def test_a_page_of_any_hub_shows_how_a_start_goes_on(
    database: Database, database_url: str
) -> None:
    async with running(database_url) as hubs:
        ada = await user(hubs.each[0])
        driver, other = hubs.driver("jupyter-ada"), hubs.others("jupyter-ada")[0]
        server = await driver.servers.start(ada, "", {})
        async with asyncio.timeout(20):
            stages = [stage async for stage in other.progress.of(server)]
        assert stages[-1].outcome is Outcome.READY
        await until(database, "jupyter-ada", Phase.RUNNING)


@everywhere
async def test_every_hub_tells_its_proxies_the_same_routes(
    database: Database, database_url: str
) -> None:
    async with running(database_url) as hubs:
        people = [await user(hubs.each[0], f"u{n}") for n in range(12)]
        await asyncio.gather(
            *(hubs.each[n % 3].servers.start(it, "", {}) for n, it in enumerate(people))
        )
        for it in people:
            await until(database, f"jupyter-{it.name}", Phase.RUNNING)
        async with asyncio.timeout(20):
            while True:
                tables = [await it.feed.after(None) for it in hubs.each]
                known = {(it.version, it.checksum) for it in tables}
                if len(known) == 1 and all(len(it.routes) == 13 for it in tables):  # type: ignore[union-attr]
                    break
                await asyncio.sleep(0.02)


@everywhere
async def test_a_hub_that_dies_in_the_middle_of_starts_leaves_them_to_the_others(
    database: Database, database_url: str
) -> None:
    async with running(database_url, rhythm=QUICK) as hubs:
        people = [await user(hubs.each[0], f"u{n}") for n in range(20)]
        dies, stays = hubs.each[0], hubs.each[1]
        async with asyncio.timeout(20):  # one that was slow for a moment has its share again soon
            while not any(dies.reconciler.leases.holds(f"jupyter-{it.name}") for it in people):
                await asyncio.sleep(0.01)

        async def gone(_: str) -> float | None:
            await asyncio.Event().wait()
            return None

        dies.reconciler.queue._work = gone  # it hangs, says no more that it lives, and never ends
        dies.reconciler.leases.rhythm = replace(QUICK, beat=1000)  # type: ignore[attr-defined]
        await asyncio.gather(*(stays.servers.start(it, "", {}) for it in people))
        for it in people:
            await until(database, f"jupyter-{it.name}", Phase.RUNNING)
        assert hubs.place.asked == Counter({f"jupyter-{it.name}": 1 for it in people})
        assert not any(dies.reconciler.leases.holds(f"jupyter-{it.name}") for it in people)


@everywhere
async def test_the_limit_of_starts_is_that_of_all_hubs_together(
    database: Database, database_url: str
) -> None:
    hold = asyncio.Event()

    async def knock(_: str) -> bool:
        return hold.is_set()

    async with running(database_url, limit=5, knock=knock) as hubs:
        people = [await user(hubs.each[0], f"u{n}") for n in range(30)]
        await asyncio.gather(
            *(
                hubs.each[n % 3].servers.start(it, "", {}, in_line=True)
                for n, it in enumerate(people)
            )
        )
        most, moving = 0, list[Server]()
        for _ in range(20):
            moving = await database.read(servers.in_motion())
            most = max(most, sum(it.phase is Phase.STARTING for it in moving))
            await asyncio.sleep(0.1)
        assert most == 5
        assert sum(it.phase is Phase.QUEUED for it in moving) == 25
        hold.set()
        async with asyncio.timeout(30):
            while moving := await database.read(servers.in_motion()):
                most = max(most, sum(it.phase is Phase.STARTING for it in moving))
                await asyncio.sleep(0.01)
        assert most == 5
    assert hubs.place.asked == Counter({f"jupyter-{it.name}": 1 for it in people})
    for it in people:
        row = await database.read(servers.at(f"jupyter-{it.name}"))
        assert row
        log = await database.read(phase_log.of(row.id))
        assert [e.phase for e in log].count(Phase.STARTING) == 1
