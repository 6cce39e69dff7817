"""Several hubs share one database: every shard is one hub's, and a dead one's are taken over."""

import asyncio
from itertools import count
from typing import Any, cast

import pytest

from perijove.core.leases import Rhythm, Shared
from perijove.kit.tasks import in_background
from perijove.model.errors import Stale
from perijove.model.shard import SHARDS, shard_of
from perijove.store import shards
from perijove.store.database import Database
from perijove.store.replicas import Replica
from perijove.store.statement import Statement, T

KEYS = {shard_of(key): key for key in (f"jupyter-u{n}" for n in range(2000))}
"""One of every shard."""


class Steady:
    """A clock that tests move."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Steady:
    return Steady()


ids = count(1)


def lease(database: Database, clock: Steady, name: str) -> Shared:
    return Shared(database=database, me=Replica(id=next(ids), name=name), steady=clock)


def held(one: Shared) -> set[int]:
    return {shard for shard, key in KEYS.items() if one.holds(key)}


async def settle(clock: Steady, *hubs: Shared, turns: int = 4) -> None:
    for _ in range(turns):
        clock.now += hubs[0].rhythm.beat
        for one in hubs:
            await one.turn()


async def test_one_hub_has_all_at_once(database: Database, clock: Steady) -> None:
    alone = lease(database, clock, "a")
    await alone.turn()
    assert len(held(alone)) == alone.count() == SHARDS
    assert alone.gained.is_set()


async def test_each_shard_is_one_hubs_and_each_hub_has_its_share(
    database: Database, clock: Steady
) -> None:
    hubs = [lease(database, clock, name) for name in "abc"]
    await settle(clock, *hubs)
    assert sorted(shard for one in hubs for shard in held(one)) == list(range(SHARDS))
    assert all(one.count() in {20, 21, 22} for one in hubs)


async def test_hubs_that_come_at_the_same_moment_never_have_the_same(
    database: Database, clock: Steady
) -> None:
    hubs = [lease(database, clock, name) for name in "abcd"]
    together = list[int]()
    for _ in range(6):
        clock.now += 1.5
        await asyncio.gather(*(one.turn() for one in hubs))
        together = [shard for one in hubs for shard in held(one)]
        assert len(together) == len(set(together))
    assert len(together) == SHARDS


class Between:
    """A database, and a hub that comes as another has read `after` times."""

    def __init__(self, database: Database, comes: Shared, after: int) -> None:
        self.database, self.comes, self.after = database, comes, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    async def read(self, statement: Statement[T]) -> T:
        found = await self.database.read(statement)
        self.after -= 1
        if self.after == 0:
            await self.comes.turn()
        return found


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_hub_that_comes_while_another_looks_keeps_what_it_takes(
    database: Database, clock: Steady, after: int
) -> None:
    comes, looks = lease(database, clock, "a"), lease(database, clock, "b")
    between = Between(database, comes, after)
    looks.database = cast("Database", between)
    await looks.turn()
    assert between.after <= 0
    assert not held(comes) & held(looks)
    await settle(clock, comes, looks)
    assert comes.count() == looks.count() == SHARDS // 2


async def test_a_dead_hubs_shards_are_taken_over_after_patience_and_not_before(
    database: Database, clock: Steady
) -> None:
    a, b = lease(database, clock, "a"), lease(database, clock, "b")
    await settle(clock, a, b)
    died = clock.now
    while b.count() < SHARDS:
        assert clock.now - died < 8.0
        clock.now += b.rhythm.beat
        await b.turn()
        if clock.now - died < a.rhythm.patience:
            assert not held(a) & held(b)
    assert clock.now - died > a.rhythm.believed


async def test_two_that_reach_for_what_a_third_had_at_the_same_moment_hardly_meet(
    database: Database, clock: Steady
) -> None:
    *stay, dies = (lease(database, clock, name) for name in "abc")
    await settle(clock, *stay, dies)
    had = dies.count()
    assert had > SHARDS // 4
    while sum(one.count() for one in stay) == SHARDS - had:
        clock.now += dies.rhythm.beat
        await asyncio.gather(*(one.turn() for one in stay))
    assert sum(one.count() for one in stay) > SHARDS - had // 4
    assert not held(stay[0]) & held(stay[1])


async def test_a_hub_that_slept_drives_nothing_and_takes_nothing_from_the_others(
    database: Database, clock: Steady
) -> None:
    asleep, awake = lease(database, clock, "a"), lease(database, clock, "b")
    await settle(clock, asleep, awake)
    before = held(asleep)
    await settle(clock, awake, turns=40)
    assert not held(asleep), "it woke up and believes in nothing it had"
    assert before <= held(awake)
    await asleep.turn()
    assert not held(asleep) & held(awake)
    await settle(clock, asleep, awake)
    assert asleep.count() == awake.count() == SHARDS // 2


async def test_a_hub_that_ends_leaves_its_shards_at_once(database: Database, clock: Steady) -> None:
    ends, stays = lease(database, clock, "a"), lease(database, clock, "b")
    await settle(clock, ends, stays)
    async with in_background(ends.run()):
        await asyncio.sleep(0)
    await stays.turn()
    assert stays.count() == SHARDS


async def test_a_hub_that_comes_back_takes_the_place_of_its_former_self_at_once(
    database: Database, clock: Steady
) -> None:
    killed, other = lease(database, clock, "a"), lease(database, clock, "b")
    await settle(clock, killed, other)
    again = lease(database, clock, "a")
    await again.turn()
    assert again.count() == SHARDS // 2
    assert not held(again) & held(other)


async def test_two_that_are_called_the_same_do_not_bury_each_other_for_ever(
    database: Database, clock: Steady
) -> None:
    older, newer = lease(database, clock, "a"), lease(database, clock, "a")
    await older.turn()
    await settle(clock, newer, older, turns=1)
    assert newer.count() > 0
    await settle(clock, newer, older)
    assert not held(older) & held(newer)


async def test_while_the_database_is_away_nobody_drives_and_nobody_is_buried(
    database: Database, clock: Steady
) -> None:
    a, b = lease(database, clock, "a"), lease(database, clock, "b")
    a.rhythm = b.rhythm = Rhythm(beat=0.01)
    await settle(clock, a, b)
    had = held(a), held(b)
    key = next(key for key in map(str, range(10_000)) if a.holds(key))
    clock.now += 30
    assert not held(a)
    assert not held(b)
    assert a.had(key), "whatever has no steps to take can go on"
    assert not b.had(key)
    a._seen.clear()  # as run() does when a turn fails
    b._seen.clear()
    await settle(clock, a, b)
    assert (held(a), held(b)) == had


async def test_a_shard_changes_hands_only_from_the_epoch_that_was_read(
    database: Database, clock: Steady
) -> None:
    one = lease(database, clock, "a")
    await one.turn()
    first = (await database.read(shards.every_one()))[0]
    await database.write(shards.give(first, None))
    with pytest.raises(Stale):
        await database.write(shards.give(first, 99))
