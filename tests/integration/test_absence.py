"""A place that is away: wishes wait in silence, and a log that is lost holds up no end."""

import asyncio
import logging
from dataclasses import replace

import pytest

from perijove.kit.tasks import in_background
from perijove.model import errors
from perijove.model.server import Phase
from perijove.model.stage import Outcome
from perijove.model.workload import LaunchSpec, State
from perijove.spawners.fake import FakeSpawner
from perijove.store import remains
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.life import hub, row, user


class Away(FakeSpawner):
    """Takes nothing while it is away; on the machine of a lost node, no log can be read."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance)
        self.away = False
        self.why: OSError = ConnectionRefusedError("nobody there")
        self.tries = 0
        self.lost = False
        self.read = 0

    async def start(self, spec: LaunchSpec) -> None:
        self.tries += 1
        if self.away:
            raise self.why
        await super().start(spec)

    async def logs(self, name: str, tail: int = 65536) -> str:
        self.read += 1
        if self.lost:
            raise ConnectionError("no route to host")
        return await super().logs(name, tail)


async def test_a_start_waits_in_silence_and_is_carried_out_afterwards(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "perijove.core")
    world = Away("i")
    world.away = True
    life = await hub(database, world)
    ada = await user(life)
    async with in_background(life.run()):
        server = await life.servers.start(ada, "", {})
        await asyncio.sleep(4)
        assert 3 <= world.tries <= 6
        said = [it.getMessage() for it in caplog.records if server.key in it.getMessage()]
        assert sum("waits: nobody there" in line for line in said) == 1
        assert "Traceback" not in caplog.text
        world.away = False
        async with asyncio.timeout(20):
            while (await row(database)).phase is not Phase.RUNNING:
                await asyncio.sleep(0.05)
    assert sum("goes on after" in it.getMessage() for it in caplog.records) == 1


async def test_a_log_that_cannot_be_read_holds_up_no_stop(database: Database) -> None:
    world = Away("i")
    life = await hub(database, world)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    await settle(life.reconciler, server.key)
    seen = replace(world.world[server.key], state=State.EXITED, exit_code=None, address=None)
    world.become(server.key, seen)
    world.lost = True
    await life.servers.stop(ada, "")
    await settle(life.reconciler, server.key)
    assert (await row(database)).phase is Phase.STOPPED
    kept = await database.read(remains.last(server.id))
    assert kept is not None
    assert kept.log == ""


async def test_what_is_left_is_kept_once_however_long_an_end_takes(database: Database) -> None:
    class Slow(Away):
        async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
            if force:
                await super().stop(name, incarnation)

    world = Slow("i")
    life = await hub(database, world)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    await settle(life.reconciler, server.key)
    seen = replace(world.world[server.key], state=State.EXITED, exit_code=None, address=None)
    world.become(server.key, seen)
    await life.servers.stop(ada, "")
    for _ in range(6):
        await life.reconciler.step(server.key)
    assert world.read == 1
    world.become(server.key, replace(seen, exit_code=7))
    await life.reconciler.step(server.key)
    kept = await database.read(remains.last(server.id))
    assert kept is not None
    assert kept.exit_code == 7


async def test_who_watches_a_start_is_told_that_its_place_is_away(database: Database) -> None:
    world = Away("i")
    world.away, world.why = True, errors.Away()
    life = await hub(database, world)
    ada = await user(life)
    async with in_background(life.run()), asyncio.timeout(30):
        server = await life.servers.start(ada, "", {})
        async for stage in life.progress.of(server):
            if any(it.code == "cluster-unreachable" for it in stage.signals):
                world.away = False
        assert stage.outcome is Outcome.READY
        assert stage.signals == (await world.poll(server.key)).signals


async def test_a_log_that_cannot_be_read_is_an_empty_one(database: Database) -> None:
    world = Away("i")
    life = await hub(database, world)
    server = await life.servers.start(await user(life), "", {})
    world.lost = True
    assert await life.progress.log(server) == ""
