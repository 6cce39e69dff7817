"""`cull.users`: who was not here for long leaves, and nobody else does."""

from datetime import timedelta
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.departures import Departures, Leaving
from perijove.kit.tasks import in_background
from perijove.model.errors import Conflict
from perijove.model.server import Phase
from perijove.model.user import Standing, User
from perijove.parts import leaving
from perijove.settings import of
from perijove.settings.read import read_tree
from perijove.spawners.fake import FakeSpawner
from perijove.store import departures as store
from perijove.store import servers as rows
from perijove.store.database import Database
from tests.doors import Hands, gate
from tests.integration.test_crash import settle
from tests.mortal import Crash, Fuse, MortalDatabase
from tests.parts import hub

HOUR = timedelta(hours=1)
CULL = {"users": True, "timeout": 3600}


class World:
    """A hub with a clock that a test moves."""

    def __init__(self, database: Database) -> None:
        self.database, self.hands, self.spawner = database, Hands(), FakeSpawner("i")
        self.running: Running

    async def begin(self, **cull: Any) -> "World":
        tree = {"cull": {**CULL, **cull}, "hub": {"allowNamedServers": True}}
        self.running = await hub(self.database, self.spawner, tree=tree, clock=self.hands.clock())
        return self

    async def person(self, name: str, **more: Any) -> User:
        return await self.running.hub.accounts.create(name, **more)

    async def after(self, **later: float) -> set[str]:
        """Return who is still there when so much later somebody has looked."""
        self.hands.move(timedelta(**later))
        await self.running.life.activity.flush()
        await self.running.hub.departures.turn()
        return {user.name for user in await self.running.hub.accounts.all()}


@pytest.fixture
def world(database: Database) -> World:
    of({"cull": CULL})
    return World(database)


def test_nobody_leaves_unless_the_values_say_so() -> None:
    assert leaving(of({})) == Leaving()
    assert leaving(of({"cull": {"users": True, "enabled": False}})) == Leaving()
    assert leaving(of({"cull": {"users": True, "timeout": 0}})) == Leaving()
    assert leaving(of({"cull": CULL})).timeout == HOUR
    told = read_tree({"cull": CULL}, {})
    assert told.idle == ()
    assert "do nothing for 3600 s" in " ".join(map(str, told.notices))


async def test_who_has_done_nothing_leaves_with_all_that_is_theirs(world: World) -> None:
    await world.begin()
    ada, bob = await world.person("ada"), await world.person("bob")
    await world.person("root", admin=True)
    await world.running.hub.servers.start(ada, "", {})
    await settle(world.running.life.reconciler)
    await world.running.hub.servers.stop(ada, "")
    await settle(world.running.life.reconciler)
    homes = set(world.spawner.homes)
    assert await world.after(minutes=59) == {"ada", "bob", "root"}
    world.running.life.activity.note_user(bob.id)
    assert await world.after(seconds=30) == {"ada", "bob", "root"}
    async with in_background(world.running.life.reconciler.run()):
        assert await world.after(seconds=40) == {"bob", "root"}
    assert homes
    assert world.spawner.homes == set()
    assert await world.after(hours=2) == {"root"}, "an administrator stays"


async def test_who_has_a_server_that_runs_stays(world: World) -> None:
    await world.begin()
    ada = await world.person("ada")
    await world.running.hub.servers.start(ada, "lab", {})
    await settle(world.running.life.reconciler, "jupyter-ada--lab")
    assert await world.after(hours=9) == {"ada"}
    found = await world.database.read(rows.find(ada.id, "lab"))
    assert found
    assert found.phase is Phase.RUNNING


async def test_administrators_leave_only_if_that_is_wished_and_never_the_last(
    world: World,
) -> None:
    await world.begin(adminUsers=True)
    for name in ("root", "boss"):
        await world.person(name, admin=True)
    assert len(await world.after(hours=2)) == 1


async def test_an_old_account_leaves_only_when_nobody_is_there(world: World) -> None:
    await world.begin(timeout=0, maxAge=7200)
    ada = await world.person("ada")
    await world.person("bob")
    assert await world.after(minutes=119) == {"ada", "bob"}
    world.running.life.activity.note_user(ada.id)
    assert await world.after(minutes=2) == {"ada"}
    assert await world.after(minutes=10) == set()


async def test_who_waits_or_is_blocked_or_is_declared_stays(world: World) -> None:
    await world.begin()
    await world.person("asks", standing=Standing.WAITING)
    blocked = await world.person("blocked")
    await world.running.hub.accounts.block(blocked)
    await world.person("named")
    departures = world.running.hub.departures
    tree = {"cull": CULL, "people": {"users": {"named": {}}}}
    departures.leaving = leaving(of(tree))
    assert await world.after(hours=5) == {"asks", "blocked", "named"}


async def test_who_comes_back_at_that_moment_stays(world: World) -> None:
    await world.begin()
    ada = await world.person("ada")
    accounts, activity = world.running.hub.accounts, world.running.life.activity
    of_rooms = accounts.rooms.of

    class Late:
        async def of(self, user: User) -> Any:
            activity.note_user(user.id)
            await activity.flush()
            return await of_rooms(user)

    late = Departures(
        accounts=type(accounts)(
            **{
                **{name: getattr(accounts, name) for name in accounts.__dataclass_fields__},
                "rooms": Late(),
            }
        ),
        activity=activity,
        clock=world.hands.clock(),
        leaving=Leaving(timeout=HOUR),
    )
    world.hands.move(2 * HOUR)
    await late.turn()
    found = await accounts.named("ada")
    assert found
    assert (found.id, found.standing) == (ada.id, Standing.ACTIVE)


async def test_a_kill_at_any_call_is_made_good_by_the_next_hub(world: World) -> None:
    await world.begin()
    activity = world.running.life.activity
    points: list[str] = []
    for after in (False, True):
        for at in range(1, 60):
            await world.person("ada")
            world.hands.move(2 * HOUR)
            fuse = Fuse(at, after=after)
            mortal = gate(MortalDatabase(world.database, fuse), world.hands)
            try:
                await departures(mortal.accounts, activity, world).turn()
            except Crash:
                points.append(fuse.points[-1])
            else:
                if len(fuse.points) < at:
                    break
            finally:
                next_hub = gate(world.database, world.hands)
                found = await next_hub.accounts.named("ada")
                await departures(next_hub.accounts, activity, world).turn()
                assert await next_hub.accounts.all() == []
                assert found is None or found.standing in {Standing.ACTIVE, Standing.BLOCKED}
        else:
            pytest.fail("there is no end of calls")
    assert points.count("write") >= 4


def departures(accounts: Any, activity: Any, world: World) -> Departures:
    return Departures(
        accounts=accounts,
        activity=activity,
        clock=world.hands.clock(),
        leaving=Leaving(timeout=HOUR),
    )


async def begun(world: World) -> User:
    """Return somebody whose departure was begun, and not ended."""
    ada = await world.person("ada")
    return await world.running.hub.accounts.block(ada, store.begin(ada.id))


async def test_what_was_begun_is_ended_only_where_nobody_has_decided_since(world: World) -> None:
    await world.begin()
    accounts = world.running.hub.accounts
    ada = await begun(world)
    await accounts.approve(ada)
    with pytest.raises(Conflict):  # a hub that had looked before
        await accounts.delete(ada, store.require(ada.id))
    assert (await accounts.by_id(ada.id) or ada).standing is Standing.ACTIVE
    await accounts.block(ada)
    assert await world.after(hours=30) == {"ada"}, "an administrator has blocked them: no more"
    await begun_again(world, ada)
    assert await world.after(hours=30) == set()


async def begun_again(world: World, ada: User) -> None:
    await world.running.hub.accounts.approve(ada)
    await world.running.hub.accounts.block(ada, store.begin(ada.id))


async def test_whoever_stays_by_newer_values_is_let_in_again(world: World) -> None:
    await world.begin()
    ada = await begun(world)
    world.running.hub.departures.leaving = Leaving()
    assert await world.after(hours=30) == {"ada"}
    found = await world.running.hub.accounts.by_id(ada.id)
    assert found
    assert found.standing is Standing.ACTIVE
    world.running.hub.departures.leaving = Leaving(timeout=HOUR)
    await begun_again(world, ada)
    world.running.hub.departures.leaving = Leaving(timeout=HOUR, staying=frozenset({"ada"}))
    assert await world.after(hours=30) == {"ada"}
