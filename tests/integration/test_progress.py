"""What a page or a program that watches a start is told, and when it ends."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from perijove.core.lifecycle import Lifecycle
from perijove.core.progress import _Watched
from perijove.kit.tasks import in_background
from perijove.model.errors import Away
from perijove.model.server import Phase, Server
from perijove.model.signal import Signal
from perijove.model.stage import Outcome, Stage, StepCode, StepState
from perijove.model.workload import GONE, Observation, State
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.life import hub, row, user


async def watch(life: Lifecycle, server: Server) -> list[Stage]:
    async with asyncio.timeout(30):
        return [stage async for stage in life.progress.of(server)]


async def test_a_start_is_told_step_by_step_to_its_end(database: Database) -> None:
    life = await hub(database)
    server = await life.servers.start(await user(life), "", {})
    async with in_background(life.run()):
        stages = await watch(life, server)
    assert stages[0].outcome is Outcome.STARTING
    assert stages[-1].outcome is Outcome.READY
    percents = [stage.percent for stage in stages]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert all(it.state is StepState.DONE for it in stages[-1].steps)
    assert StepCode.QUEUED not in [it.code for it in stages[-1].steps]
    assert life.progress._watched == {}


async def test_how_far_a_start_is_never_goes_back(database: Database) -> None:
    life = await hub(database)
    server = await life.servers.start(await user(life), "", {})
    starting = replace(server, phase=Phase.STARTING, incarnation=1)
    origin = replace(life.reconciler.launch(server).origin, incarnation=1)
    watched = _Watched(starting)
    shown = []
    for state in (State.GONE, State.PENDING, State.EXITED, State.GONE):
        watched.seen = Observation(state=state, origin=origin)
        shown.append(life.progress._stage(watched))
    assert [it.percent for it in shown] == [10, 40, 40, 40]
    assert shown[2].message.code == "progress.started"
    watched.server = replace(starting, incarnation=2)
    assert life.progress._stage(watched).percent == 10


async def test_an_older_look_at_a_start_never_takes_a_watcher_back(database: Database) -> None:
    life = await hub(database)
    await life.servers.start(await user(life), "", {})
    server = replace(await row(database), phase=Phase.STARTING, incarnation=1)
    origin = life.reconciler.launch(server).origin
    up = Observation(state=State.UP, origin=origin, address="http://127.0.0.1:1")
    watched = _Watched(server)
    told = []
    for seen in (up, GONE, replace(up, state=State.PENDING, address=None)):
        watched.seen = seen
        told.append(life.progress._stage(watched))
    assert [it.percent for it in told] == [80, 80, 80]
    assert {it.message.code for it in told} == {"progress.answers"}
    life.progress._watched[server.id] = watched
    again = replace(server, incarnation=2, version=server.version + 1)
    life.progress.tell(replace(again, phase=Phase.QUEUED), up)
    assert life.progress._stage(watched).percent == 5
    life.progress.tell(replace(again, version=again.version + 1))
    assert life.progress._stage(watched).percent == 10, "the start before says nothing of this one"


class Unheard(FakeSpawner):
    """Its place does not say what was written."""

    async def logs(self, name: str, tail: int = 65536) -> str:
        del name, tail
        raise Away


async def test_nobody_is_sent_to_an_empty_log_and_an_unknown_one_is_not_called_empty(
    database: Database,
) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    server = await life.servers.start(await user(life), "", {})
    reason = Signal(code="exited", params={"exit_code": 3})
    assert (await life.progress.why(server, reason)).code == "exited-silent"
    other = Signal(code="no-answer")
    assert await life.progress.why(server, other) == other
    unheard = await hub(database, Unheard("i"))
    assert await unheard.progress.why(server, reason) == reason
    origin = life.reconciler.launch(server).origin
    world.become(server.key, Observation(state=State.EXITED, origin=origin, exit_code=3))
    world.written[server.key] = "why it has ended"
    assert await life.progress.why(server, reason) == reason


async def test_ten_watchers_are_told_the_same_and_one_that_leaves_disturbs_none(
    database: Database,
) -> None:
    life = await hub(database)
    server = await life.servers.start(await user(life), "", {})
    leaving = asyncio.create_task(watch(life, server))
    await asyncio.sleep(0)
    watchers = [asyncio.create_task(watch(life, server)) for _ in range(10)]
    await asyncio.sleep(0)
    leaving.cancel()
    async with in_background(life.run()):
        ends = [stages[-1] for stages in await asyncio.gather(*watchers)]
    assert ends == [ends[0]] * 10


async def test_what_runs_is_ready_at_once(database: Database) -> None:
    life = await hub(database)
    await life.servers.start(await user(life), "", {})
    await settle(life.reconciler)
    [stage] = await watch(life, await row(database))
    assert (stage.outcome, stage.percent) == (Outcome.READY, 100)


async def test_a_failure_is_told_again_until_the_next_start(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    origin = life.reconciler.launch(server).origin
    world.become(server.key, Observation(state=State.EXITED, origin=origin, exit_code=3))
    async with in_background(life.run()):
        first = (await watch(life, server))[-1]
    assert first.outcome is Outcome.FAILED
    assert first.message == Signal(code="exited", params={"exit_code": 3})
    again = await hub(database, world)  # a restart forgets nothing
    [replayed] = await watch(again, await row(database))
    assert replayed.message == first.message
    assert [it.code for it in replayed.steps if it.state is StepState.FAILED] == [StepCode.STARTED]
    fresh = await life.servers.start(ada, "", {})
    async with in_background(life.run()):
        assert (await watch(life, fresh))[-1].outcome is Outcome.READY


async def test_a_cancelled_start_has_failed_for_those_who_watch(database: Database) -> None:
    life = await hub(database)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    watching = asyncio.create_task(watch(life, server))
    await asyncio.sleep(0)
    await life.servers.stop(ada, "")
    await settle(life.reconciler)
    last = (await watching)[-1]
    assert (last.outcome, last.message) == (Outcome.FAILED, Signal(code="cancelled"))
    [replayed] = await watch(life, await row(database))
    assert replayed.message == Signal(code="cancelled")


async def test_who_waits_is_told_how_many_are_ahead(database: Database) -> None:
    life = await hub(database, limit=1)
    people = [await user(life, f"u{n}") for n in range(3)]
    servers = [await life.servers.start(it, "", {}, in_line=True) for it in people]
    stage = await life.progress.now(servers[2])
    assert stage.message == Signal(code="queue.start", params={"ahead": 1})
    assert [it.code for it in stage.steps if it.state is StepState.NOW] == [StepCode.QUEUED]
    async with in_background(life.run()):
        assert (await watch(life, servers[2]))[-1].outcome is Outcome.READY


async def test_a_start_that_another_replica_carries_out_is_seen_to_its_end(
    database: Database,
) -> None:
    world = FakeSpawner("i")
    here, there = await hub(database, world), await hub(database, world)
    server = await there.servers.start(await user(there), "", {})
    async with in_background(there.run()):
        assert (await watch(here, server))[-1].outcome is Outcome.READY


async def test_who_still_waits_for_a_stop_spoils_no_start_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another hub has stopped it, and this one has not looked since."""
    monkeypatch.setattr("perijove.core.progress._LOOK", 60)
    world = FakeSpawner("i")
    here, there = await hub(database, world), await hub(database, world)
    ada = await user(here)
    await there.servers.start(ada, "", {})
    await settle(there.reconciler)
    server = await here.servers.stop(ada, "")
    assert server is not None
    waiting = asyncio.create_task(here.progress.rest(server, removed=False))
    await asyncio.sleep(0)
    await settle(there.reconciler)
    fresh = await here.servers.start(ada, "", {})
    assert (await here.progress.now(fresh)).outcome is Outcome.STARTING
    async with aclosing(here.progress.of(fresh)) as stages:  # type: ignore[type-var]
        assert (await anext(stages)).outcome is Outcome.STARTING
        async with asyncio.timeout(20):
            await waiting


class Counting(FakeSpawner):
    """Counts who asks what there is."""

    polls = 0

    async def poll(self, name: str) -> Observation:
        self.polls += 1
        return await super().poll(name)


async def test_however_many_wait_for_what_another_hub_does_one_looks(database: Database) -> None:
    world = Counting("i")
    here, there = await hub(database, world), await hub(database, world)
    here.progress.drives = lambda _: False
    server = await there.servers.start(await user(there), "", {})
    watching = [asyncio.create_task(watch(here, server)) for _ in range(20)]
    await asyncio.sleep(0.9)
    before, began = world.polls, asyncio.get_running_loop().time()  # each looks when it comes
    await asyncio.sleep(2)
    took = asyncio.get_running_loop().time() - began
    assert 1 <= world.polls - before <= took + 1
    leaving = watching[:10]
    for task in leaving:
        task.cancel()
    await settle(there.reconciler)
    ends = [stages[-1].outcome for stages in await asyncio.gather(*watching[10:])]
    assert ends == [Outcome.READY] * 10


async def test_a_page_that_is_loaded_again_after_a_restart_sees_how_far_it_is(
    database: Database,
) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    server = await life.servers.start(await user(life), "", {})
    await life.reconciler.step(server.key)
    stage = await (await hub(database, world)).progress.now(server)
    assert [it.code for it in stage.steps if it.state is StepState.NOW] == [StepCode.ANSWERS]


async def test_the_log_is_the_one_of_now_and_then_what_is_kept(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    assert await life.progress.log(server) == ""
    await settle(life.reconciler)
    world.written[server.key] = "now\n"
    assert await life.progress.log(server) == "now\n"
    assert await life.progress.ran(await row(database))
    seen = world.world[server.key]
    world.become(server.key, replace(seen, state=State.EXITED, exit_code=1))
    await settle(life.reconciler)
    await life.servers.start(ada, "", {})
    world.written[server.key] = "now\n"
    await settle(life.reconciler)
    await life.servers.stop(ada, "")
    await settle(life.reconciler)
    assert await life.progress.log(await row(database)) == "now\n"


class Mute(FakeSpawner):
    """No log can be read: its machine does not answer, or nobody does."""

    quick = True

    async def logs(self, name: str, tail: int = 65536) -> str:
        del name, tail
        if not self.quick:
            await asyncio.sleep(60)
        raise OSError("no route to the machine")


async def test_a_log_that_cannot_be_read_keeps_no_page_waiting(database: Database) -> None:
    spawner = Mute("i")
    life = await hub(database, spawner)
    server = await life.servers.start(await user(life), "", {})
    assert await life.progress.log(server) == ""
    spawner.quick = False
    async with asyncio.timeout(20):
        assert await life.progress.log(server) == ""


async def test_why_a_start_is_not_taken_yet_is_told_though_there_is_nothing(
    database: Database,
) -> None:
    spawner = FakeSpawner("i")
    life = await hub(database, spawner)
    server = await life.servers.start(await user(life), "", {})
    origin = life.reconciler.launch(server).origin
    why = Signal(code="quota")
    spawner.world[server.key] = Observation(state=State.GONE, origin=origin, signals=(why,))
    assert (await life.progress.now(server)).signals == (why,)
