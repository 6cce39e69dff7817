"""What may be asked of servers, and what becomes of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from perijove.core.lifecycle import Lifecycle
from perijove.core.naming import Naming
from perijove.core.servers import Servers
from perijove.kit.tasks import in_background
from perijove.model.errors import Invalid, Unavailable, Unknown, Untimely
from perijove.model.server import Desired, Phase, Server
from perijove.model.signal import Signal
from perijove.model.user import User
from perijove.model.workload import GONE, Observation, State
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store import clients, feed, phase_log, tokens, users
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.life import hub, row, user
from tests.parts import hub as whole

of({})  # settings read their tables when they are first used


class Unreadable(FakeSpawner):
    """A place that cannot be read for a while."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance)
        self.away = False

    async def poll(self, name: str) -> Observation:
        if self.away:
            raise ConnectionError
        return await super().poll(name)


async def running(life: Lifecycle, name: str = "") -> tuple[User, Server]:
    ada = await user(life)
    server = await life.servers.start(ada, name, {})
    await settle(life.reconciler, server.key)
    return ada, await row(life.servers.database, server.key)


async def test_nothing_starts_for_somebody_who_was_deleted_meanwhile(database: Database) -> None:
    life = await hub(database)
    ada = await user(life)
    await database.write(users.remove(ada.id))
    async with asyncio.timeout(20):
        with pytest.raises(Unknown):
            await life.servers.start(ada, "", {})


async def test_a_start_of_what_runs_is_refused_after_a_look(database: Database) -> None:
    life = await hub(database)
    ada, _ = await running(life)
    with pytest.raises(Untimely) as refused:
        await life.servers.start(ada, "", {})
    assert refused.value.code == "already-running"


async def test_a_wish_to_stop_is_one_commit_with_the_phase_and_the_route(
    database: Database,
) -> None:
    life = await hub(database)
    ada, was = await running(life)
    version = await database.read(feed.version()) or 0
    new = await life.servers.stop(ada, "")
    assert new == await row(database), "nothing drives it yet"
    assert (new.desired, new.phase) == (Desired.STOPPED, Phase.STOPPING)
    assert new.version == was.version + 1, "written once"
    assert await database.read(feed.version()) == version + 1
    assert (await database.read(phase_log.of(new.id)))[-1].phase is Phase.STOPPING
    assert await life.servers.stop(ada, "") == new, "asked again, nothing is written"
    await settle(life.reconciler, new.key)
    assert (await row(database)).phase is Phase.STOPPED


@pytest.mark.parametrize("state", [State.GONE, State.EXITED])
async def test_a_start_of_what_has_died_unseen_is_a_start(database: Database, state: State) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada, before = await running(life)
    seen = replace(world.world[before.key], state=state, exit_code=1, address=None)
    world.become(before.key, GONE if state is State.GONE else seen)
    after = await life.servers.start(ada, "", {})
    assert (after.phase, after.incarnation) == (Phase.STARTING, 2)
    await settle(life.reconciler, after.key)
    assert (await row(database)).phase is Phase.RUNNING
    log = await database.read(phase_log.of(before.id))
    assert [it.phase for it in log] == [
        Phase.STARTING, Phase.RUNNING, Phase.FAILED, Phase.STARTING, Phase.RUNNING,
    ]  # fmt: skip


async def test_what_cannot_be_read_is_taken_to_run(database: Database) -> None:
    world = Unreadable("i")
    life = await hub(database, world)
    ada, _ = await running(life)
    world.away = True
    with pytest.raises(Untimely, match="already-running"):
        await life.servers.start(ada, "", {})


async def test_a_removed_server_leaves_no_row_no_log_and_no_token(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada, server = await running(life, "gpu")
    assert len(await database.read(tokens.of(ada.id))) == 1
    await life.servers.remove(ada, "gpu")
    with pytest.raises(Untimely, match="pending-stop"):
        await life.servers.start(ada, "gpu", {})
    await settle(life.reconciler, server.key)
    assert await life.servers.find(ada, "gpu") is None
    assert world.world == {}
    assert world.homes == {server.placement.home}
    assert await database.read(tokens.of(ada.id)) == []
    assert await database.read(clients.find(server.placement.client)) is None
    again = await life.servers.start(ada, "gpu", {})
    assert (again.incarnation, again.id != server.id) == (1, True)


async def test_the_default_server_stays_and_what_is_not_there_is_unknown(
    database: Database,
) -> None:
    life = await hub(database)
    ada = await user(life)
    with pytest.raises(Invalid, match="default-server-stays"):
        await life.servers.remove(ada, "")
    with pytest.raises(Unknown):
        await life.servers.remove(ada, "gpu")
    with pytest.raises(Unknown):
        await life.servers.stop(ada, "gpu")


async def test_to_forget_a_user_ends_all_their_servers_and_nobody_elses(
    database: Database,
) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada, bob = await user(life), await user(life, "bob")
    async with in_background(life.run()):
        for name in ("", "a", "b"):
            await life.servers.start(ada, name, {})
        await life.servers.start(bob, "", {})
        await life.servers.forget(ada)
        assert await life.servers.of(ada) == []
        await database.write(users.remove(ada.id))
        assert set(world.world) == {"jupyter-bob"}


class Late:
    """The servers of people, and an administrator who starts one more as they are deleted."""

    def __init__(self, servers: Servers) -> None:
        self.servers, self.once = servers, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.servers, name)

    async def forget(self, user: User) -> None:
        await self.servers.forget(user)
        if self.once:
            self.once = False
            await self.servers.start(user, "", {})


async def test_a_server_that_is_started_while_its_owner_is_deleted_goes_with_them(
    database: Database,
) -> None:
    world = FakeSpawner("i")
    it = await whole(database, world)
    ada = await it.hub.accounts.create("ada")
    async with in_background(it.life.run()):
        await it.hub.servers.start(ada, "", {})
        late = Late(it.hub.servers)
        await replace(it.hub.accounts, rooms=late).delete(ada)
    assert not late.once
    assert await it.hub.accounts.named("ada") is None
    assert (world.world, world.homes) == ({}, set())


async def test_who_cannot_be_forgotten_at_once_is_told_so(database: Database) -> None:
    life = await hub(database)  # its reconciler does not run
    ada, _ = await running(life)
    with pytest.raises(Untimely, match="pending-stop"):
        await life.servers.forget(ada, patience=0.1)
    await settle(life.reconciler)
    await life.servers.forget(ada, patience=0.1)


@pytest.mark.parametrize("name", ["Gpu", "1a", "a--b", "a_b", "é", "-a", "a-", "a" * 31, "a b"])
async def test_a_new_server_has_a_name_of_jupyterhub(database: Database, name: str) -> None:
    life = await hub(database)
    with pytest.raises(Invalid, match="bad-server-name"):
        await life.servers.start(await user(life), name, {})


async def test_display_names_are_kept_and_options_of_jupyterhub_itself_refused(
    database: Database,
) -> None:
    life = await hub(database)
    ada = await user(life)
    await life.servers.start(ada, "gpu", {}, display_name="论文 GPU")
    for name in ("", "x" * 256, "a\nb"):
        with pytest.raises(Invalid, match="bad-display-name"):
            await life.servers.start(ada, "other", {}, display_name=name)
    await life.servers.stop(ada, "gpu")
    await settle(life.reconciler, "jupyter-ada--gpu")
    again = await life.servers.start(ada, "gpu", {})
    assert again.display_name == "论文 GPU"
    with pytest.raises(Invalid, match="bad-body"):
        await life.servers.start(ada, "x", {"__jupyterhub_bytes__": 1})


async def test_named_servers_are_counted_or_off(database: Database) -> None:
    ada = await user(await hub(database))
    off = (await hub(database, naming=Naming(allowed=False))).servers
    await off.start(ada, "", {})
    with pytest.raises(Untimely, match="named-servers-off"):
        await off.start(ada, "a", {})
    one = (await hub(database, naming=Naming(limit=1))).servers
    await one.start(ada, "a", {})
    with pytest.raises(Untimely, match="too-many-servers"):
        await one.start(ada, "b", {})
    await one.start(ada, "a", {})  # it is there


async def test_names_that_would_share_a_client_id_get_two(database: Database) -> None:
    life = await hub(database)
    lab2 = await life.servers.start(await user(life), "lab2", {})
    other = await life.servers.start(await user(life, "ada-lab2"), "", {})
    assert lab2.placement.client == "jupyterhub-user-ada-lab2"
    assert other.placement.client != lab2.placement.client
    for server in (lab2, other):
        found = await database.read(clients.find(server.placement.client))
        assert found is not None
        assert found.server_id == server.id


async def test_a_servers_token_is_derived_and_another_for_every_start(database: Database) -> None:
    life = await hub(database)
    ada, first = await running(life)
    secret = life.transitions.credentials.secret
    environment = life.reconciler.launch(first).environment
    assert environment["JUPYTERHUB_API_TOKEN"] == secret(first)
    assert len(secret(first)) == 32
    await life.servers.stop(ada, "")
    await settle(life.reconciler)
    second = await life.servers.start(ada, "", {})
    assert secret(second) != secret(first)
    other = await hub(database)
    assert other.transitions.credentials.secret(second) == secret(second)


async def test_what_was_really_given_is_in_the_log(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    server = await life.servers.start(await user(life), "", {"profile": "small"})
    origin = life.reconciler.launch(server).origin
    address = f"http://127.0.0.1:{server.placement.port}"
    up = Observation(state=State.UP, origin=origin, address=address, facts={"pid": 17})
    world.become(server.key, up)
    await settle(life.reconciler)
    log = await database.read(phase_log.of(server.id))
    facts = log[-1].facts
    assert facts["user_options"] == {"profile": "small"}
    assert facts["pid"] == 17
    assert facts["address"] == address
    assert facts["port"] == server.placement.port
    assert facts["perijove"]


async def test_two_hubs_of_different_databases_never_touch_each_others_servers(
    database: Database,
) -> None:
    """They share the place where servers run, and the names of their people."""
    world: dict[str, Observation] = {}
    ours, theirs = FakeSpawner("i", world), FakeSpawner("another", world)
    life = await hub(database, ours)
    _, server = await running(life)
    origin = replace(world[server.key].origin, instance="another")  # type: ignore[type-var]
    world[server.key] = replace(world[server.key], origin=origin)
    await settle(life.reconciler)
    assert (await row(database)).reason == Signal(code="disappeared")
    await life.servers.start(await user(life), "", {})
    await settle(life.reconciler)
    assert (await row(database)).reason == Signal(code="name-taken")
    assert (await theirs.poll(server.key)).state is State.UP


async def test_a_full_disk_stops_no_server_and_the_start_goes_on_when_there_is_room(
    database: Database,
) -> None:
    class Full:
        """Writes fail while it is full."""

        def __init__(self) -> None:
            self.full = False

        async def read(self, statement):
            return await database.read(statement)

        async def write(self, *statements):
            if self.full:
                raise Unavailable("disk-full")
            await database.write(*statements)

        async def close(self) -> None:
            await database.close()

    disk = Full()
    world = FakeSpawner("i")
    life = await hub(disk, world)
    ada, bob = await user(life), await user(life, "bob")
    async with in_background(life.run()):
        await life.servers.start(ada, "", {})
        async with asyncio.timeout(20):
            while (await row(database)).phase is not Phase.RUNNING:
                await asyncio.sleep(0.01)
        await life.servers.start(bob, "", {})
        disk.full = True
        with pytest.raises(Unavailable, match="disk-full"):
            await life.servers.start(ada, "b", {})
        await asyncio.sleep(0.3)
        assert (await life.servers.of(ada))[0].phase is Phase.RUNNING
        disk.full = False
        async with asyncio.timeout(20):
            while (await row(database, "jupyter-bob")).phase is not Phase.RUNNING:
                await asyncio.sleep(0.01)
    assert set(world.world) == {"jupyter-ada", "jupyter-bob"}


async def test_text_that_no_database_holds_is_refused_or_replaced(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    ada = await user(life)
    assert await life.servers.find(ada, "a\0b") is None
    with pytest.raises(Invalid, match="bad-body"):
        await life.servers.start(ada, "", {"deep": {"a": ["\ud800"]}})
    server = await life.servers.start(ada, "", {"nul": "a\0b", "学": "🎓"})
    assert (await row(database)).user_options == {"nul": "a\0b", "学": "🎓"}
    await settle(life.reconciler)
    world.written[server.key] = "a\0b\n"
    world.become(server.key, replace(world.world[server.key], state=State.EXITED, exit_code=1))
    await settle(life.reconciler)
    await life.servers.start(ada, "", {})
    await settle(life.reconciler)
    assert (await life.visits.add(server, await user(life, "root"), "\0\ud800")) is not None
    assert await life.visits.add(server, await user(life, "root"), "again") is None
    assert await life.visits.add(server, ada, "mine") is None
    [visit] = await life.visits.of_owner(ada)
    assert (visit.visitor, visit.server) == ("root", "")
