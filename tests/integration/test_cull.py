"""Servers that nobody uses are stopped, and nobody who is there loses anything."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perijove.core.ask import Said
from perijove.core.cull import Culling
from perijove.core.lifecycle import Lifecycle
from perijove.kit.tasks import in_background
from perijove.model.errors import Untimely
from perijove.model.idle import Lifetime
from perijove.model.server import Desired, Phase, Server
from perijove.spawners.fake import FakeSpawner
from perijove.store import activity, servers
from perijove.store.database import Database
from perijove.store.statement import Statement, T
from tests.doors import Hands
from tests.integration.test_crash import settle
from tests.life import hub, row, user

HOUR = timedelta(hours=1)
LIFETIME = Lifetime(timeout=HOUR, extend=2 * HOUR)


class World:
    """A life cycle with one server, and what that server says of itself."""

    def __init__(self) -> None:
        self.hands = Hands()
        self.clock = self.hands.clock()
        self.spawner = FakeSpawner("i")
        self.says: Said | Exception = Said(None, busy=False)
        self.asked = 0
        self.meanwhile: Any = None
        self.life: Lifecycle

    async def ask(self, address: str, prefix: str, token: str) -> Said:
        assert prefix in {"/user/ada/", "/user/ada/lab/"}
        assert len(token) == 32
        assert address.startswith("http://")
        self.asked += 1
        if self.meanwhile:
            await self.meanwhile()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def begin(self, database: Database, **needs: Any) -> Server:
        given = {"lifetime": LIFETIME, **needs}
        self.life = await hub(database, self.spawner, clock=self.clock, ask=self.ask, **given)
        await self.life.servers.start(await user(self.life), "", {})
        await settle(self.life.reconciler)
        found = await row(database)
        assert found.phase is Phase.RUNNING
        return found

    async def after(self, database: Database, **later: float) -> Server:
        """Return the row when so much later the culler has looked."""
        self.hands.move(timedelta(**later))
        await self.life.culler.turn()
        await settle(self.life.reconciler)
        return await row(database)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_nobody_uses_is_stopped_and_says_why(database: Database, world: World) -> None:
    await world.begin(database)
    assert (await world.after(database, minutes=59)).phase is Phase.RUNNING
    assert world.asked == 0
    ended = await world.after(database, minutes=2)
    assert (ended.phase, ended.desired) == (Phase.STOPPED, Desired.STOPPED)
    assert ended.reason
    assert ended.reason.code == "idle"
    assert ended.reason.params == {"minutes": 61}


async def test_what_has_reported_its_use_is_not_even_asked(
    database: Database, world: World
) -> None:
    server = await world.begin(database)
    world.hands.move(timedelta(minutes=55))
    await world.life.activity.report(await user(world.life), None, {"": world.clock()})
    assert (await world.after(database, minutes=50)).phase is Phase.RUNNING
    assert world.asked == 0
    await world.life.activity.flush()
    again = await row(database)
    assert again.used
    assert again.used > server.since
    assert (await world.after(database, minutes=11)).phase is Phase.STOPPED


async def test_traffic_of_an_open_tab_keeps_nothing_that_reports_its_rest(
    database: Database, world: World
) -> None:
    await world.begin(database)
    ada = await user(world.life)
    for _ in range(13):
        world.hands.move(timedelta(minutes=5))
        await world.life.activity.report(ada, None, {"": world.clock() - timedelta(hours=2)})
        world.life.activity.on_routes({"/user/ada/": world.clock()})
    assert (await world.after(database, minutes=1)).phase is Phase.STOPPED


async def test_a_kernel_that_computes_keeps_it(database: Database, world: World) -> None:
    await world.begin(database)
    world.says = Said(None, busy=True)
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING
    assert world.asked == 1
    world.says = Said(None, busy=False)
    assert (await world.after(database, minutes=59)).phase is Phase.RUNNING, "an hour from then"
    assert (await world.after(database, minutes=2)).phase is Phase.STOPPED


async def test_what_was_used_and_could_not_tell_is_kept(database: Database, world: World) -> None:
    await world.begin(database)
    world.says = Said(world.clock() + timedelta(minutes=40), busy=False)
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING
    assert (await world.after(database, minutes=40)).phase is Phase.STOPPED


@pytest.mark.parametrize("silence", [TimeoutError(), OSError("reset"), RuntimeError("ours")])
async def test_what_does_not_answer_is_not_called_idle(
    database: Database, world: World, silence: Exception
) -> None:
    await world.begin(database)
    world.says = silence
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING


async def test_who_comes_back_between_the_question_and_the_stop_keeps_it(
    database: Database, world: World
) -> None:
    await world.begin(database)

    async def back() -> None:
        await world.life.activity.report(await user(world.life), None, {"": world.clock()})

    world.meanwhile = back
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING


async def test_who_comes_back_through_another_hub_keeps_it(
    database: Database, world: World
) -> None:
    await world.begin(database)
    other = await hub(database, world.spawner, clock=world.clock)

    async def back() -> None:
        await other.activity.report(await user(other), None, {"": world.clock()})
        await other.activity.flush()

    world.meanwhile = back
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING


async def test_who_stops_it_at_that_moment_is_not_overruled(
    database: Database, world: World
) -> None:
    await world.begin(database)

    async def stop() -> None:
        await world.life.servers.stop(await user(world.life), "")

    world.meanwhile = stop
    ended = await world.after(database, minutes=61)
    assert ended.phase is Phase.STOPPED
    assert ended.reason is None


async def test_an_extension_keeps_it_and_ends(database: Database, world: World) -> None:
    await world.begin(database)
    ends = world.life.ends
    world.hands.move(timedelta(minutes=55))
    soon = ends.soon(await row(database))
    assert soon
    later = await ends.extend(await row(database))
    assert later.at == soon.at + 2 * HOUR
    assert (await world.after(database, minutes=60)).phase is Phase.RUNNING
    assert ends.soon(await row(database)) is None
    with pytest.raises(Untimely, match="extended"):
        await ends.extend(await row(database))
    assert (await world.after(database, minutes=70)).phase is Phase.STOPPED
    with pytest.raises(Untimely, match="nothing-to-extend"):
        await ends.extend(await row(database))


async def test_an_extension_at_the_last_moment_wins(database: Database, world: World) -> None:
    await world.begin(database)

    async def extend() -> None:
        await database.write(activity.keep((await row(database)).id, world.clock() + HOUR))

    world.meanwhile = extend
    assert (await world.after(database, minutes=61)).phase is Phase.RUNNING


async def test_what_is_too_old_is_stopped_whoever_uses_it(database: Database, world: World) -> None:
    await world.begin(database, lifetime=Lifetime(max_age=HOUR))
    world.says = Said(None, busy=True)
    ended = await world.after(database, minutes=61)
    assert ended.reason
    assert ended.reason.code == "too-old"
    assert world.asked == 0


async def test_a_named_server_is_forgotten_where_that_is_asked_for(
    database: Database, world: World
) -> None:
    await world.begin(database, culling=Culling(remove_named=True))
    ada = await user(world.life)

    await world.life.servers.start(ada, "lab", {})
    await settle(world.life.reconciler, "jupyter-ada--lab")
    assert (await world.after(database, minutes=61)).phase is Phase.STOPPED
    await settle(world.life.reconciler, "jupyter-ada--lab")
    assert await database.read(servers.find(ada.id, "lab")) is None


async def test_it_looks_when_something_is_due_and_not_only_every_so_often(
    database: Database, world: World
) -> None:
    await world.begin(database)
    assert await world.life.culler.turn() == timedelta(minutes=10)
    world.hands.move(timedelta(minutes=57))
    pause = await world.life.culler.turn()
    assert pause == timedelta(minutes=3)


async def test_nothing_is_looked_at_where_nothing_ends(database: Database, world: World) -> None:
    await world.begin(database, lifetime=Lifetime())
    assert (await world.after(database, days=400)).phase is Phase.RUNNING
    assert world.asked == 0


class Once:
    """A database that is away once."""

    def __init__(self, inner: Database) -> None:
        self.inner, self.away = inner, False

    async def read(self, statement: Statement[T]) -> T:
        if self.away:
            self.away = False
            raise ConnectionError
        return await self.inner.read(statement)

    async def write(self, *statements: Statement[Any]) -> None:
        await self.inner.write(*statements)

    async def close(self) -> None:
        await self.inner.close()


async def test_it_goes_on_when_the_database_was_away(database: Database, world: World) -> None:
    once = Once(database)
    await world.begin(once, culling=Culling(every=timedelta(seconds=0.05)))
    world.hands.move(timedelta(minutes=61))
    once.away = True
    async with in_background(world.life.culler.run()), asyncio.timeout(20):
        while (await row(database)).desired is not Desired.STOPPED:
            await asyncio.sleep(0.05)
    assert not once.away
