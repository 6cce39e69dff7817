"""A state machine: whatever people, the world and death do in any order, these laws hold.

One server; a person who starts, stops and removes it, a world in which it comes up, falls
silent, ends and vanishes, and a hub that dies at any call and is started again.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perijove.core.lifecycle import Lifecycle
from perijove.kit.clock import Clock
from perijove.model.errors import HubError
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import User
from perijove.model.workload import GONE, LaunchSpec, State
from perijove.spawners.fake import FakeSpawner
from perijove.store import clients, feed, phase_log, servers, tokens
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.bar import size
from tests.life import hub, user
from tests.mortal import Crash, Fuse, MortalDatabase, MortalSpawner, mortal_knock

T = TypeVar("T")
KEY = "jupyter-ada--x"
_ALIVE = {State.PENDING, State.UP}


class Patient(FakeSpawner):
    """New workloads are PENDING until the world lets them come up."""

    def __init__(self) -> None:
        super().__init__("i")
        self.begun: list[int] = []

    async def start(self, spec: LaunchSpec) -> None:
        if spec.name not in self.world:
            assert not [it for it in self.world.values() if it.state in _ALIVE], "doubled"
            self.begun.append(spec.origin.incarnation)
        await super().start(spec)
        seen = self.world[spec.name]
        if seen.state is State.UP and seen.origin == spec.origin:
            self.become(spec.name, replace(seen, state=State.PENDING))


class Life(RuleBasedStateMachine):
    """Everything runs in a loop of its own; time is ours."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.wall = self.steady = 1_900_000_000.0
        self.clock = Clock(wall=lambda: self.wall, steady=lambda: self.steady)
        self.world = Patient()
        self.speaks = True
        self.fuse = Fuse()
        self.versions = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        path = Path(self.folder.name) / "hub.sqlite"
        self.database: Database = self.run(open_database(str(path)))
        self.life = self.run(self.new_hub())
        self.ada: User = self.run(user(self.life))
        self.routed = 0

    async def new_hub(self) -> Lifecycle:
        async def knock(_: str) -> bool:
            return self.speaks

        self.fuse = Fuse()
        return await hub(
            MortalDatabase(self.database, self.fuse),
            MortalSpawner(self.world, self.fuse),
            knock=mortal_knock(knock, self.fuse),
            clock=self.clock,
        )

    def asked(self, work: Coroutine[Any, Any, object]) -> None:
        """Let a person ask for something; what is refused has changed nothing."""
        try:
            with suppress(HubError):
                self.run(work)
        except Crash:
            self.life = self.run(self.new_hub())

    async def row(self) -> Server | None:
        return await self.database.read(servers.find(self.ada.id, "x"))

    @rule()
    def start(self) -> None:
        self.asked(self.life.servers.start(self.ada, "x", {}))

    @rule()
    def stop(self) -> None:
        self.asked(self.life.servers.stop(self.ada, "x"))

    @rule()
    def remove(self) -> None:
        self.asked(self.life.servers.remove(self.ada, "x"))

    @rule()
    def come_up(self) -> None:
        seen = self.world.world.get(KEY, GONE)
        if seen.state is State.PENDING:
            self.world.become(KEY, replace(seen, state=State.UP))

    @rule(code=st.sampled_from([0, 1, -9]))
    def exit(self, code: int) -> None:
        seen = self.world.world.get(KEY, GONE)
        if seen.state in _ALIVE:
            self.world.become(KEY, replace(seen, state=State.EXITED, exit_code=code))

    @rule()
    def vanish(self) -> None:
        self.world.become(KEY, GONE)
        self.world.begun.clear()  # a start whose workload was lost may be begun again

    @rule()
    def speak_or_not(self) -> None:
        self.speaks = not self.speaks

    @rule(seconds=st.sampled_from([1, 31, 301, 3601]))
    def wait(self, seconds: float) -> None:
        self.steady += seconds

    @rule(hours=st.sampled_from([-1, 1]))
    def step_the_wall_clock(self, hours: int) -> None:
        self.wall += hours * 3600

    @rule(fatal=st.integers(1, 12), after=st.booleans())
    def die_soon(self, fatal: int, *, after: bool) -> None:
        self.fuse.points.clear()
        self.fuse.fatal, self.fuse.after = fatal, after

    @rule()
    def restart(self) -> None:
        self.life = self.run(self.new_hub())

    @rule(times=st.integers(1, 4))
    def step(self, times: int) -> None:
        for _ in range(times):
            try:
                self.run(self.life.reconciler._work(KEY))
            except Crash:
                self.life = self.run(self.new_hub())

    @invariant()
    def laws(self) -> None:
        if hasattr(self, "database"):
            self.run(self.check())

    async def check(self) -> None:
        assert len(set(self.world.begun)) == len(self.world.begun), "doubled"
        found = await self.row()
        owned = await self.database.read(tokens.of(self.ada.id))
        if found is None:
            assert owned == []
            assert self.world.world == {}, "orphaned"
            self.world.begun.clear()  # the next one counts from one again
            return
        has_begun = found.phase in {Phase.STARTING, Phase.RUNNING, Phase.STOPPING}
        assert [it.server_id for it in owned] == ([found.id] if has_begun else [])
        client = await self.database.read(clients.find(found.placement.client))
        assert (client is not None) == has_begun
        assert (found.address is not None) == (found.phase is Phase.RUNNING)
        log = await self.database.read(phase_log.of(found.id))
        assert (log[-1].phase, log[-1].incarnation) == (found.phase, found.incarnation)
        await self.check_feed(found)

    async def check_feed(self, found: Server) -> None:
        version = await self.database.read(feed.version()) or 0
        runs = 1 if found.phase is Phase.RUNNING else 0
        assert version >= self.versions
        assert runs == self.routed or version > self.versions, "a route changed without a version"
        self.versions, self.routed = version, runs

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.run(self.come_to_rest())
            self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    async def come_to_rest(self) -> None:
        """With a world that cooperates and a hub that lives, what was asked comes true."""
        self.speaks = True
        life = await self.new_hub()
        for _ in range(40):
            self.come_up()
            self.steady += timedelta(seconds=1).total_seconds()
            await life.reconciler._work(KEY)
        found = await self.row()
        alive = self.world.world.get(KEY, GONE).state in _ALIVE
        if found is None:
            assert not alive
        elif found.desired is Desired.RUNNING:
            assert (found.phase, alive) == (Phase.RUNNING, True)
        else:
            assert found.at_rest
            assert not alive
            assert found.desired is Desired.STOPPED


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=size(6, 25, 1000),
    stateful_step_count=size(6, 30, 1000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
