"""Which group overrides a server is started with is settled by the wish, whoever dies meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from math import inf, nan
from pathlib import Path
from typing import Any, TypeVar

import pytest

from perijove.core.lifecycle import Lifecycle
from perijove.core.options import Profiles
from perijove.core.profiles import Profile
from perijove.model.decide import Patience
from perijove.model.errors import Busy
from perijove.model.server import Phase, Server
from perijove.model.user import User
from perijove.model.workload import LaunchSpec
from perijove.settings import of
from perijove.store import groups, phase_log, servers
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.integration.test_devices import A100, ANOTHER, GPU, Place
from tests.integration.test_profiles import Recorded
from tests.life import hub, row, user
from tests.mortal import Crash, Fuse, MortalDatabase, MortalSpawner

T = TypeVar("T")
GOLD: dict[str, Any] = {
    "environment": {"TIER": "gold", "USUAL": None},
    "mem_limit": "2G",
    "cmd": "gold",
    "default_url": "/gold",
}
OVERRIDES: dict[str, Any] = {
    "20-gold": {"groups": ["gold"], "spawner_override": GOLD},
    "10-rich": {
        "properties": {"tier": "rich"},
        "spawner_override": {"environment": {"TIER": "rich", "RICH": "1"}},
    },
}
TREE = {"hub": {"config": {"Spawner": {"group_overrides": OVERRIDES}}}}
PROFILES = of(TREE).profiles
WITHOUT = of({}).profiles
RICH_ID, GOLD_ID = (it.id for it in PROFILES.by_group.items)
RENUMBERED = of(
    {
        "hub": {
            "config": {
                "Spawner": {
                    "group_overrides": {
                        "20-gold": {
                            "groups": ["vip"],
                            "spawner_override": {"environment": {"TIER": "vip"}},
                        },
                        "30-gold": OVERRIDES["20-gold"],
                    }
                }
            }
        }
    }
).profiles


async def silent(url: str) -> bool:
    del url
    return False


async def begun(
    database: Database, place: Any, profiles: Profiles = PROFILES, **needs: Any
) -> Lifecycle:
    return await hub(
        database,
        place,
        profiles=profiles,
        overrides=profiles.overrides,
        environment={"USUAL": "1", "TIER": "none"},
        limit=64,
        **needs,
    )


async def joined(life: Lifecycle, *names: str, **properties: Any) -> User:
    ada, database = await user(life), life.servers.database
    there = await database.read(groups.names())
    for name in names:
        add = () if name in there else (groups.add(name, properties),)
        await database.write(*add, groups.join(ada.id, name))
    return ada


def told(spec: LaunchSpec) -> Mapping[str, str | None]:
    return {name: spec.environment.get(name) for name in ("TIER", "RICH", "USUAL")}


async def stopped(life: Lifecycle, server: Server) -> None:
    await life.servers.stop(await user(life), server.name)
    await settle(life.reconciler, server.key)


async def test_a_server_gets_what_its_owners_groups_are_for_and_no_more(database: Database) -> None:
    place = Recorded()
    life = await begun(database, place)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    await settle(life.reconciler, server.key)
    assert server.group_overrides == ()
    assert told(place.specs[-1]) == {"TIER": "none", "RICH": None, "USUAL": "1"}
    await stopped(life, server)
    await joined(life, "gold")
    server = await life.servers.start(ada, "", None)  # as it was read before they joined
    await settle(life.reconciler, server.key)
    (spec,) = place.specs[1:]
    assert told(spec) == {"TIER": "gold", "RICH": None, "USUAL": None}
    assert spec.command == ("gold",)
    assert spec.environment["JUPYTERHUB_DEFAULT_URL"] == "/gold"
    assert spec.overrides["mem_limit"] == "2G"
    log = await database.read(phase_log.of(server.id))
    assert [it.facts.get("group_overrides") for it in log][-2:] == [[GOLD_ID]] * 2


async def test_properties_of_a_group_choose_and_the_keys_order(database: Database) -> None:
    place = Recorded()
    life = await begun(database, place)
    await joined(life, "a", tier="rich")
    ada = await joined(life, "gold")
    server = await life.servers.start(ada, "", {})
    await settle(life.reconciler, server.key)
    assert (await row(database, server.key)).group_overrides == (RICH_ID, GOLD_ID)
    assert told(place.specs[0]) == {"TIER": "gold", "RICH": "1", "USUAL": None}
    await stopped(life, server)
    await database.write(groups.change("a", {"tier": "poor"}))
    again = await life.servers.start(ada, "", {})
    assert again.group_overrides == (GOLD_ID,)


@pytest.mark.parametrize("joins", [True, False])
async def test_who_changes_groups_after_the_wish_gets_what_was_wished(
    database: Database, joins: object
) -> None:
    """The hub dies between the wish and the launch, and another goes on."""
    place = Recorded()
    first = await begun(database, place)
    ada = await user(first) if joins else await joined(first, "gold")
    server = await first.servers.start(ada, "", {})
    assert (server.phase, place.specs) == (Phase.STARTING, [])
    if joins:
        await joined(first, "gold")
    else:
        await database.write(groups.leave(ada.id, "gold"))
    second = await begun(database, place)
    await settle(second.reconciler, server.key)
    (spec,) = place.specs
    assert told(spec)["TIER"] == ("none" if joins else "gold")
    assert (await row(database, server.key)).phase is Phase.RUNNING
    await stopped(second, server)
    await settle(second.reconciler, (await second.servers.start(ada, "", {})).key)
    assert told(place.specs[1])["TIER"] == ("gold" if joins else "none")


@pytest.mark.parametrize("after", [True, False])
async def test_whenever_the_hub_dies_all_launches_of_a_start_are_the_same(
    database: Database, after: object
) -> None:
    for fatal in range(1, 40):
        place, name = Recorded(), f"s{fatal}"
        ada = await joined(await begun(database, place), "gold")
        fuse = Fuse(fatal, after=bool(after))
        alive = False
        try:
            life = await begun(MortalDatabase(database, fuse), MortalSpawner(place, fuse))
            server = await life.servers.start(ada, name, {})
            await settle(life.reconciler, server.key)
            alive = fuse.burnt is None
        except Crash:
            pass
        await database.write(groups.leave(ada.id, "gold"))
        found = await database.read(servers.find(ada.id, name))
        if found is not None:
            assert found.group_overrides == (GOLD_ID,)
            await settle((await begun(database, place)).reconciler, found.key)
        assert all(told(it)["TIER"] == "gold" for it in place.specs)
        if alive:
            return
    raise AssertionError("a start takes no more calls than that")


async def test_a_variable_that_group_and_profile_take_out_is_not_given(database: Database) -> None:
    place, out = Recorded(), {"environment": {"USUAL": None}}
    ada = await joined(await begun(database, place), "gold")
    for wholly in (out, {"environment": None}):
        profile = Profile(slug="p", display_name="P", default=True, overrides=wholly)
        life = await begun(database, place, replace(PROFILES, items=(profile,)))
        server = await life.servers.start(ada, "", {})
        await settle(life.reconciler, server.key)
        assert "USUAL" not in place.specs[-1].environment
        await stopped(life, server)


@pytest.mark.parametrize("then", [WITHOUT, RENUMBERED])
async def test_an_override_that_is_gone_is_told_once_and_the_server_starts(
    database: Database, caplog: pytest.LogCaptureFixture, then: Profiles
) -> None:
    place = Recorded()
    first = await begun(database, place)
    server = await first.servers.start(await joined(first, "gold"), "", {})
    second = await begun(database, place, then, knock=silent)
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            await second.reconciler.step(server.key)
    words = f"server {server.key}: group override {GOLD_ID!r} is not in the settings any more"
    assert words in caplog.text
    assert caplog.text.count("is not in the settings any more") == 1
    assert place.specs[0].environment["TIER"] == "none"
    third = await begun(database, place, then)
    await settle(third.reconciler, server.key)
    assert (await row(database, server.key)).phase is Phase.RUNNING


async def test_gpus_of_an_override_are_given_and_counted(
    database: Database, tmp_path: Path
) -> None:
    limits = {"extra_resource_limits": {GPU: 2}}
    overrides = {"k": {"groups": ["gold"], "spawner_override": limits}}
    profiles = of({"hub": {"config": {"Spawner": {"group_overrides": overrides}}}}).profiles
    life = await begun(database, Place(tmp_path), profiles)
    bob = await user(life, "bob")
    ada = await joined(life, "gold")
    first = await life.servers.start(ada, "", {})
    assert {*first.devices} == {A100, ANOTHER}
    await settle(life.reconciler, first.key)
    assert (await life.servers.start(bob, "", {})).devices == ()
    with pytest.raises(Busy) as full:
        await life.servers.start(ada, "more", {})
    assert full.value.code == "devices-in-use"


class Reload(Fuse):
    """Gives the hub settings without overrides before its n-th call."""

    life: Lifecycle | None = None

    async def call(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        self.points.append(name)
        if self.life and len(self.points) == self.fatal:
            self.burnt = name
            self.life.servers.profiles = WITHOUT
        return await call()


async def test_a_wish_is_of_one_reading_of_the_settings(database: Database, tmp_path: Path) -> None:
    limits = {"extra_resource_limits": {GPU: 2}}
    overrides = {"k": {"groups": ["gold"], "spawner_override": limits}}
    profiles = of({"hub": {"config": {"Spawner": {"group_overrides": overrides}}}}).profiles
    place = Place(tmp_path)
    ada = await joined(await begun(database, place, profiles), "gold")
    for n in range(1, 40):
        reload = Reload(n)
        life = await begun(MortalDatabase(database, reload), place, profiles)
        reload.points.clear()
        reload.life = life
        server = await life.servers.start(ada, f"n{n}", {})
        assert bool(server.devices) is bool(server.group_overrides)
        if not reload.burnt:
            assert server.devices
            return
        await stopped(life, server)
    raise AssertionError("a wish takes no more calls than that")


async def test_many_starts_at_once_have_each_their_own(database: Database) -> None:
    place = Recorded()
    life = await begun(database, place)
    ada = await joined(life, "gold")
    bob = await user(life, "bob")
    made = await asyncio.gather(
        *(life.servers.start(it, f"n{n}", {}) for n in range(4) for it in (ada, bob))
    )
    for server in made:
        await settle(life.reconciler, server.key)
        assert server.group_overrides == ((GOLD_ID,) if server.user_id == ada.id else ())
    tiers = {(it.origin.user, told(it)["TIER"]) for it in place.specs}
    assert tiers == {("ada", "gold"), ("bob", "none")}


async def test_a_start_may_take_as_long_as_its_override_says(database: Database) -> None:
    """The example of JupyterHub's own tests."""
    overrides = {"k": {"groups": ["gold"], "spawner_override": {"start_timeout": 120}}}
    profiles = of({"hub": {"config": {"Spawner": {"group_overrides": overrides}}}}).profiles
    life = await begun(database, Recorded(), profiles)
    bob = await user(life, "bob")
    ada = await joined(life, "gold")
    for person, phase in ((ada, Phase.FAILED), (bob, Phase.STARTING)):
        server = await life.servers.start(person, "", {})
        long_ago = server.since - timedelta(seconds=121)
        late = replace(server, since=long_ago, version=server.version + 1)
        await database.write(servers.change(server, late))
        another = await begun(database, life.reconciler.spawner, profiles, knock=silent)
        for _ in range(3):
            await another.reconciler.step(server.key)
        assert (await row(database, server.key)).phase is phase


@pytest.mark.parametrize("seconds", [inf, nan, 1e15, 10**18, -5, "soon"])
async def test_a_start_that_would_never_end_is_started_and_stopped_as_any(
    database: Database, seconds: Any
) -> None:
    """What an older version has let in."""
    overrides = {"start_timeout": seconds}
    profiles = Profiles((Profile(slug="p", display_name="P", default=True, overrides=overrides),))
    life = await begun(database, Recorded(), profiles)
    server = await life.servers.start(await user(life), "", {})
    await settle(life.reconciler, server.key)
    assert (await row(database, server.key)).phase is Phase.RUNNING
    await stopped(life, server)
    assert (await row(database, server.key)).phase is Phase.STOPPED


async def test_how_long_a_start_may_take_is_not_asked_of_one_that_is_to_stop(
    database: Database,
) -> None:
    def none_to_ask(*_: object) -> Patience:
        raise OverflowError

    life = await begun(database, Recorded(), knock=silent)
    server = await life.servers.start(await user(life), "", {})
    await life.reconciler.step(server.key)
    assert (await row(database, server.key)).phase is Phase.STARTING
    life.reconciler.patience_with = none_to_ask
    await stopped(life, server)
    assert (await row(database, server.key)).phase is Phase.STOPPED
