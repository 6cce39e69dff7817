"""How services are, on every hub: what the one that runs them sees, and never more."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

import pytest

from perijove.core.keeper import Keeper, Process
from perijove.core.service_states import ServiceStates
from perijove.core.services import Services
from perijove.kit.tasks import in_background
from perijove.model.service import Seen, Service
from perijove.spawners.attendant import launch
from perijove.store import replicas
from perijove.store import services as store
from perijove.store.database import Database
from perijove.store.replicas import Replica
from perijove.web.services import ENDED, RUNS, SILENT, UNKNOWN, _state
from tests.databases import DATABASES
from tests.integration.test_keeper import SLEEPS, Some, keeping

pytestmark = pytest.mark.parametrize("database_url", DATABASES, indirect=True)


class Two:
    """Two hubs on one database: the first may look after services, the second looks."""

    def __init__(self, services: Services, states: ServiceStates, other: Services) -> None:
        self.services, self.states, self.other = services, states, other

    async def until(self, done: Callable[[Seen | None], bool]) -> None:
        async with asyncio.timeout(20):
            while not done((await self.other.seen()).get("s")):
                await asyncio.sleep(0.02)


def beside(services: Services) -> Services:
    """Return the services of another hub of the same database."""
    return Services(
        database=services.database,
        clock=services.clock,
        roles=services.roles,
        memory=services.memory,
    )


@pytest.fixture
async def two(database: Database) -> AsyncIterator[Two]:
    await database.write(replicas.add(Replica(id=1, name="one")))
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(keeping(database))
        services = kept.running.hub.services
        yield Two(services, ServiceStates(services=services, me=1), beside(services))


async def test_another_hub_knows_what_this_one_sees(two: Two) -> None:
    assert await two.other.seen() == {}
    seen = [Seen(), Seen(pid=7), Seen(pid=7, answers=True), Seen(pid=7, answers=False), Seen()]
    two.services.kept.add("s")
    for it in seen:
        two.services.pids["s"] = it.pid
        two.services.answering.pop("s", None)
        if it.answers is not None:
            two.services.answering["s"] = it.answers
        await two.states.tell()
        assert await two.other.seen() == {"s": it}
    two.services.kept.discard("s")
    await two.states.tell()
    assert await two.other.seen() == {}


async def test_of_what_a_dead_hub_told_nothing_is_known(two: Two) -> None:
    two.services.kept.add("s")
    two.services.pids["s"] = 7
    await two.states.tell()
    assert await two.other.seen() == {"s": Seen(pid=7)}
    await two.services.database.write(replicas.bury(Replica(id=1, name="one")))
    assert await two.other.seen() == {}, "it may well run: nobody knows"
    await two.services.database.write(replicas.add(Replica(id=2, name="other")))
    after = ServiceStates(services=beside(two.services), me=2)
    after.services.kept.add("s")
    after.services.pids["s"] = 8
    await after.tell()
    assert await two.other.seen() == {"s": Seen(pid=8)}
    two.services.kept.discard("s")
    await two.states.tell()  # a late word of the first takes nothing back that is another's
    assert await two.other.seen() == {"s": Seen(pid=8)}


async def test_what_others_wrote_over_it_is_said_again(two: Two) -> None:
    now = 0.0
    states = ServiceStates(services=two.services, me=1, steady=lambda: now)
    two.services.kept.add("s")
    await states.tell()
    await two.services.database.write(store.unsay("s", 1))
    await states.tell()
    assert await two.other.seen() == {}
    now = 60.0
    await states.tell()
    assert await two.other.seen() == {"s": Seen()}


async def test_services_run_on_whatever_the_database_says(
    two: Two, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("no such table")

    two.services.kept.add("s")
    with monkeypatch.context() as patched:
        patched.setattr(store, "say", broken)
        await two.states.tell()
    assert "trying again" in caplog.text
    await two.states.tell()
    assert await two.other.seen() == {"s": Seen()}


async def test_what_a_keeper_runs_is_told_as_it_changes(two: Two, database: Database) -> None:
    script = "import time; time.sleep(600)"
    it = Service(name="s", command=(sys.executable, "-I", "-c", script), configured=True)
    two.services.configured = {"s": it}
    async with keeping(database) as kept:
        kept.put(it)
        keeper = Keeper(
            services=kept.running.hub.services,
            launch=kept.keeper.launch,
            environment=kept.keeper.environment,
            leases=(leases := Some()),
            states=ServiceStates(services=kept.running.hub.services, me=1),
        )
        kept.leases.held = False
        async with in_background(keeper.run()):
            await two.until(lambda seen: seen is not None and seen.pid > 0)
            leases.held = False
            await two.until(lambda seen: seen is None)


async def test_of_one_that_is_about_to_start_nothing_is_known(two: Two, database: Database) -> None:
    """Another hub may have run it until now: that it does not run would be a lie."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(service: Service, environment: Mapping[str, str]) -> Process:
        asked.set()
        await go.wait()
        return await launch(service, environment)

    it = Service(name="s", command=(sys.executable, "-c", SLEEPS), configured=True)
    two.services.configured = {"s": it}
    async with keeping(database) as kept:
        kept.leases.held = False
        kept.put(it)
        services = kept.running.hub.services
        states = ServiceStates(services=services, me=1)
        keeper = Keeper(
            services=services,
            launch=slowly,
            environment=kept.keeper.environment,
            leases=Some(),
            states=states,
        )
        async with in_background(keeper.run()):
            await asyncio.wait_for(asked.wait(), 20)
            await states.tell()
            assert services.here() == await two.other.seen() == {}
            go.set()
            await two.until(lambda seen: seen is not None and seen.pid > 0)
        assert services.here() == {}


async def test_of_one_that_is_being_ended_nothing_is_known(database: Database) -> None:
    """Another hub may run it by then, and what this one sees comes before what others tell."""
    ending, go = asyncio.Event(), asyncio.Event()

    class Slow:
        def __init__(self, process: Process) -> None:
            self.pid, self.wait, self._stop = process.pid, process.wait, process.stop

        async def stop(self) -> None:
            ending.set()
            await go.wait()
            await self._stop()

    async def slow(service: Service, environment: Mapping[str, str]) -> Process:
        return Slow(await launch(service, environment))

    it = Service(name="s", command=(sys.executable, "-c", SLEEPS), configured=True)
    async with keeping(database) as kept:
        kept.leases.held = False
        kept.put(it)
        services, leases = kept.running.hub.services, Some()
        keeper = Keeper(
            services=services, launch=slow, environment=kept.keeper.environment, leases=leases
        )
        async with in_background(keeper.run()):
            while not services.here():
                await asyncio.sleep(0.02)
            leases.held = False
            await asyncio.wait_for(ending.wait(), 20)
            seen = services.here()
            go.set()
        assert seen == {}


@pytest.mark.parametrize(
    ("managed", "url", "seen", "word"),
    [
        (True, "", None, UNKNOWN),
        (True, "http://a:1", None, UNKNOWN),
        (False, "http://a:1", None, ""),
        (True, "", Seen(pid=7), RUNS),
        (True, "", Seen(), ENDED),
        (True, "http://a:1", Seen(pid=7), ""),
        (True, "http://a:1", Seen(pid=7, answers=True), RUNS),
        (True, "http://a:1", Seen(pid=7, answers=False), SILENT),
        (True, "http://a:1", Seen(answers=False), ENDED),
        (False, "http://a:1", Seen(answers=True), RUNS),
        (False, "http://a:1", Seen(answers=False), SILENT),
    ],
)
def test_the_page_says_no_more_than_is_known(
    *, database_url: str, managed: bool, url: str, seen: Seen | None, word: str
) -> None:
    del database_url
    it = Service(name="s", command=("true",) if managed else (), url=url)
    assert _state(it, seen)[1] == word
