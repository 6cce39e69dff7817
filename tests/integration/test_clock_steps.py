"""The wall clock is stepped by an hour, forward and back, under a hub and between two of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from perijove.kit.clock import Clock
from perijove.model.decide import Patience
from perijove.model.errors import Busy, Invalid
from perijove.model.server import Phase
from perijove.model.workload import State
from perijove.settings import of
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.life import hub, row, user
from tests.mortal import LateWorld
from tests.parts import hub as whole

of({})  # settings read their tables when they are first used

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
STEPS = pytest.mark.parametrize("step", [HOUR, -HOUR, 40 * 24 * HOUR])


class Wall:
    """What everybody on this machine reads, and what counts steadily."""

    def __init__(self) -> None:
        self.wall, self.steady = datetime(2030, 1, 1, tzinfo=UTC).timestamp(), 1000.0

    def clock(self) -> Clock:
        """Return the clock of a process that begins now."""
        return Clock(wall=lambda: self.wall, steady=lambda: self.steady)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall, UTC)

    def step(self, by: timedelta) -> None:
        self.wall += by.total_seconds()

    def wait(self, time: timedelta) -> None:
        self.wall += time.total_seconds()
        self.steady += time.total_seconds()


@pytest.fixture
def wall() -> Wall:
    return Wall()


@STEPS
async def test_a_session_a_token_and_a_code_live_on_under_a_step(
    database: Database, wall: Wall, step: timedelta
) -> None:
    it = await whole(database, clock=wall.clock())
    ada = await it.hub.accounts.create("ada", password="a good password")
    cookie, _ = await it.hub.sessions.begin(ada, address="::1", agent="a")
    visitor = await it.hub.sessions.visitor(cookie)
    assert visitor is not None
    _, secret = await it.hub.tokens.make(ada, by=visitor.principal, expires_in=600)
    wall.step(step)
    wall.wait(5 * MINUTE)
    assert await it.hub.sessions.visitor(cookie) is not None
    assert await it.hub.tokens.principal(secret) is not None
    wall.wait(5 * MINUTE)
    assert await it.hub.tokens.principal(secret) is None


@STEPS
async def test_what_servers_and_proxies_read_off_the_wall_is_understood(
    database: Database, wall: Wall, step: timedelta
) -> None:
    """A server that was used just now is neither idle for an hour nor in the future."""
    life = await hub(database, clock=wall.clock())
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    wall.step(step)
    wall.wait(MINUTE)
    await life.activity.report(ada, wall.now(), {"": wall.now()})
    now = life.transitions.clock()
    assert life.activity.of_server(server) == now
    assert life.activity.of_user(ada) == now
    with pytest.raises(Invalid, match="in-the-future"):
        await life.activity.report(ada, wall.now() + HOUR, {})


@STEPS
async def test_rate_limits_end_after_a_minute_under_a_step_and_after_a_restart(
    database: Database, wall: Wall, step: timedelta
) -> None:
    it = await whole(database, clock=wall.clock())
    for _ in range(3):
        await it.hub.login.limits.take({"name ada": 3})
    wall.step(step)
    with pytest.raises(Busy):
        await it.hub.login.limits.take({"name ada": 3})
    again = await whole(database, clock=wall.clock())  # it begins with the stepped wall
    if step < timedelta(0):
        await again.hub.login.limits.take({"name ada": 3})  # not locked out for an hour
    wall.wait(61 * SECOND)
    for _ in range(2):
        await again.hub.login.limits.take({"name ada": 3})


async def test_a_stop_is_forced_in_time_by_a_hub_that_begins_an_hour_earlier(
    database: Database, wall: Wall
) -> None:
    """A server that does not hear is not left to itself until the clock has caught up."""
    place = Deaf("i")
    life = await hub(database, place, clock=wall.clock())
    ada = await user(life)
    await life.servers.start(ada, "", {})
    await settle(life.reconciler)
    await life.servers.stop(ada, "")
    await life.reconciler.step("jupyter-ada")
    wall.step(-HOUR)
    again = await hub(database, place, clock=wall.clock())
    await again.reconciler.step("jupyter-ada")
    assert (await row(database)).phase is Phase.STOPPING
    wall.wait(Patience().stop + SECOND)
    await settle(again.reconciler)
    assert (await row(database)).phase is Phase.STOPPED


class Deaf(LateWorld):
    """Its servers end by force alone."""

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        if force:
            await super().stop(name, incarnation, force=True)


@STEPS
async def test_a_server_that_runs_is_left_alone_and_remains_wait_their_hour(
    database: Database, wall: Wall, step: timedelta
) -> None:
    place = LateWorld("i")
    life = await hub(database, place, clock=wall.clock())
    await life.servers.start(await user(life), "", {})
    await life.servers.start(await user(life, "bob"), "", {})
    await settle(life.reconciler)
    await settle(life.reconciler, "jupyter-bob")
    seen = place.world["jupyter-bob"]
    place.become("jupyter-bob", replace(seen, state=State.EXITED, exit_code=1, address=None))
    await settle(life.reconciler, "jupyter-bob")
    wall.step(step)
    wall.wait(MINUTE)
    await settle(life.reconciler)
    await settle(life.reconciler, "jupyter-bob")
    assert (await row(database)).phase is Phase.RUNNING
    assert place.world["jupyter-bob"].state is State.EXITED
    wall.wait(HOUR)
    await settle(life.reconciler, "jupyter-bob")
    assert "jupyter-bob" not in place.world


async def test_a_moment_of_the_wall_is_left_as_it_is_where_nothing_was_stepped(wall: Wall) -> None:
    clock = wall.clock()
    wall.wait(HOUR)
    wall.wall += 0.4  # as a clock drifts
    assert clock.told(wall.now()) == wall.now()
