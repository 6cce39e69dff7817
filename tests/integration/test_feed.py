"""The route table that proxies pull: whole, by its changes, and never a wrong one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from perijove.core.feed import Feed, checksum
from perijove.core.followers import Awaited
from perijove.core.lifecycle import Lifecycle
from perijove.kit.tasks import in_background
from perijove.model.route import Delta, Route, Whole
from perijove.model.server import Phase, Server
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.life import hub, user


class Proxy:
    """Keeps a table as a proxy does, and notices when it is wrong."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.version: int | None = None
        self.routes: dict[str, Route] = {}
        self.wholes = 0

    async def pull(self, wait: float = 0.0) -> None:
        answer = await self.feed.after(self.version, wait=wait)
        if isinstance(answer, Whole):
            self.routes = dict(answer.routes)
            self.wholes += 1
        else:
            assert answer.after == self.version
            self.routes.update(answer.set)
            for prefix in answer.removed:
                del self.routes[prefix]
        self.version = answer.version
        assert checksum(self.routes) == answer.checksum, "the table is wrong"


@asynccontextmanager
async def following(life: Lifecycle) -> AsyncIterator[Proxy]:
    async with in_background(life.feed.run()):
        proxy = Proxy(life.feed)
        await proxy.pull()
        yield proxy


async def until(proxy: Proxy, *prefixes: str) -> None:
    async with asyncio.timeout(20):
        while set(proxy.routes) != {"/", *prefixes}:
            await proxy.pull(1.0)


async def start(life: Lifecycle, name: str) -> None:
    server = await life.servers.start(await user(life, name), "", {})
    await settle(life.reconciler, server.key)


async def stop(life: Lifecycle, name: str) -> None:
    server = await life.servers.stop(await user(life, name), "")
    assert server is not None
    await settle(life.reconciler, server.key)


async def test_a_proxy_sees_a_server_come_and_go_by_deltas(database: Database) -> None:
    life = await hub(database, hub="http://127.0.0.1:9")
    async with following(life) as proxy:
        assert proxy.routes["/"].target == "http://127.0.0.1:9"
        assert proxy.routes["/"].data == {"hub": True}
        await start(life, "ada")
        await until(proxy, "/user/ada/")
        assert proxy.routes["/user/ada/"].data == {"user": "ada", "server_name": ""}
        await stop(life, "ada")
        await until(proxy)
        assert proxy.wholes == 1


async def test_nothing_new_is_an_empty_delta_of_the_same_version(database: Database) -> None:
    life = await hub(database)
    async with following(life) as proxy:
        answer = await life.feed.after(proxy.version, wait=0.1)
        assert isinstance(answer, Delta)
        assert (answer.version, answer.after) == (proxy.version, proxy.version)
        assert (answer.set, answer.removed) == ({}, ())


async def test_who_asks_for_a_version_that_is_not_ours_gets_everything(database: Database) -> None:
    life = await hub(database)
    async with following(life) as proxy:
        for version in (None, -1, 0, (proxy.version or 0) + 5):
            assert isinstance(await life.feed.after(version, wait=5), Whole)


async def test_changes_are_gathered_and_a_wait_ends_with_the_first(database: Database) -> None:
    life = await hub(database)
    life.feed.gather = 0.5  # ten starts take their time, too
    async with following(life) as proxy:
        before = proxy.version
        waiting = asyncio.create_task(proxy.pull(60))
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        for n in range(10):
            await start(life, f"u{n}")
        took = asyncio.get_running_loop().time() - began
        async with asyncio.timeout(20):
            await waiting
        await until(proxy, *(f"/user/u{n}/" for n in range(10)))
        assert proxy.version == (before or 0) + 10
        assert len(life.feed._changes) <= 3 + took / life.feed.gather


async def test_another_replicas_changes_are_seen_within_a_second(database: Database) -> None:
    world = FakeSpawner("i")
    here, there = await hub(database, world), await hub(database, world)
    assert here.feed.look <= 1
    async with following(here) as proxy:
        await start(here, "ada")
        await until(proxy, "/user/ada/")
        await start(there, "bob")
        await until(proxy, "/user/ada/", "/user/bob/")
        await stop(there, "ada")
        await until(proxy, "/user/bob/")


async def test_a_table_that_moves_while_it_is_followed_is_never_wrong(database: Database) -> None:
    """Two replicas change routes at random; every answer leads to the table it says."""
    world = FakeSpawner("i")
    here, there = await hub(database, world), await hub(database, world)
    here.feed.look = 0.05
    async with following(here) as proxy:

        async def churn(life: Lifecycle, names: list[str]) -> None:
            for name in names:
                await start(life, name)
                await stop(life, name)
                await start(life, name)

        work = asyncio.gather(
            churn(here, [f"a{n}" for n in range(8)]), churn(there, [f"b{n}" for n in range(8)])
        )
        while not work.done():
            try:
                await proxy.pull(0.05)
            except AssertionError:  # as a proxy does: ask for everything
                proxy.version = None
                await proxy.pull()
        await work
        await until(proxy, *(f"/user/{letter}{n}/" for letter in "ab" for n in range(8)))


async def test_a_hub_that_is_started_again_goes_on_at_the_same_version(database: Database) -> None:
    world = FakeSpawner("i")
    life = await hub(database, world)
    async with following(life) as proxy:
        await start(life, "ada")
        await until(proxy, "/user/ada/")
    life = await hub(database, world)
    async with in_background(life.feed.run()):
        proxy.feed = life.feed
        await proxy.pull()
        assert proxy.wholes == 1
        await stop(life, "ada")
        await until(proxy)


async def test_a_server_is_ready_when_every_proxy_that_listens_knows_of_it(
    database: Database,
) -> None:
    life = await hub(database)
    async with in_background(life.feed.run()):
        versions = {who: (await life.feed.follow(who, None, wait=0)).version for who in "ab"}
        polls = {who: asyncio.ensure_future(poll(life, who, it)) for who, it in versions.items()}
        server = await life.servers.start(await user(life, "ada"), "", {})
        await settle(life.reconciler, server.key)
        row = await life.servers.find(await user(life, "ada"), "")
        assert row is not None
        assert row.phase is Phase.RUNNING
        assert not life.feed.reached(row)
        new = {who: await it for who, it in polls.items()}
        reach = asyncio.ensure_future(life.feed.reach(row))
        polls = {"a": asyncio.ensure_future(poll(life, "a", new["a"]))}
        await asyncio.sleep(0.05)
        assert not reach.done(), "the other has not come back"
        polls["b"] = asyncio.ensure_future(poll(life, "b", new["b"]))
        await asyncio.wait_for(reach, 1.5)  # by itself it ends after two seconds
        assert life.feed.reached(row)
        for it in polls.values():
            it.cancel()
        await asyncio.wait(polls.values())


async def test_a_proxy_that_does_not_come_back_is_not_waited_for_for_long(
    database: Database,
) -> None:
    life = await hub(database)
    async with in_background(life.feed.run()):
        version = (await life.feed.follow("dead", None, wait=0)).version
        poll_of_the_dead = asyncio.ensure_future(poll(life, "dead", version))
        server = await life.servers.start(await user(life, "ada"), "", {})
        await settle(life.reconciler, server.key)
        row = await life.servers.find(await user(life, "ada"), "")
        assert row is not None
        await poll_of_the_dead
        assert not life.feed.reached(row)
        await asyncio.wait_for(life.feed.reach(row), 20)
        assert life.feed.reached(row)


@asynccontextmanager
async def after_a_kill(database: Database, awaited: Awaited) -> AsyncIterator[tuple[Feed, Server]]:
    """Yield the feed of a new hub, and a server of which the one before told no proxy."""
    before = await hub(database)
    async with in_background(before.feed.run()):
        server = await before.servers.start(await user(before, "ada"), "", {})
        await settle(before.reconciler, server.key)
    after = await hub(database, awaits_proxies=awaited)
    async with in_background(after.feed.run()):
        await after.feed.after(None)
        row = await after.servers.find(await user(after, "ada"), "")
        assert row is not None
        assert row.phase is Phase.RUNNING
        yield after.feed, replace(row, since=row.since - timedelta(seconds=10))


async def test_a_new_hub_waits_for_the_proxies_of_the_one_that_died(database: Database) -> None:
    async with after_a_kill(database, Awaited(1.5)) as (feed, row):
        old = replace(row, since=row.since - timedelta(hours=1))
        assert not feed.reached(row)
        assert feed.reached(old)
        version = (await feed.follow("one", None, wait=0)).version
        assert not feed.reached(row), "there may be more of them"
        await asyncio.sleep(1.6)
        await feed.follow("one", version, wait=0)
        assert feed.reached(row)


async def test_the_only_proxy_of_the_hub_that_died_is_the_last_that_is_awaited(
    database: Database,
) -> None:
    async with after_a_kill(database, Awaited(60, 1)) as (feed, row):
        version = (await feed.follow("one", None, wait=0)).version
        assert not feed.reached(row), "it has not taken what it was told"
        await feed.follow("one", version, wait=0)
        assert feed.reached(row)


@pytest.mark.parametrize("claims", [None, 10**9])
async def test_a_proxy_that_never_takes_what_it_is_told_is_awaited_no_longer(
    database: Database, claims: int | None
) -> None:
    async with after_a_kill(database, Awaited(0.2, 1)) as (feed, row):
        began = time.monotonic()
        while not feed.reached(row):
            assert time.monotonic() < began + 20
            await feed.follow("odd", claims, wait=0)
            await asyncio.sleep(0.02)
        waited = asyncio.get_running_loop().time() - feed._changes[0].at
        assert waited > 1, "after the time in which others come"


async def poll(life: Lifecycle, who: str, version: int) -> int:
    return (await life.feed.follow(who, version, wait=5)).version


async def test_what_is_older_than_the_last_thousand_versions_is_told_whole(
    database: Database,
) -> None:
    life = await hub(database)
    await life.feed.refresh()
    old = life.feed.version
    for n in range(1100):
        routes = {"/": Route(prefix="/", target=f"http://127.0.0.1:{n}")}
        life.feed._publish(old + 1 + n, routes, {}, {"/"})
    assert isinstance(await life.feed.after(old), Whole)
    assert isinstance(await life.feed.after(old + 101), Delta)


@pytest.mark.parametrize("name", ["Zoë@x", "a b", "学~", "a%2Fb", "a/b"])
async def test_prefixes_are_canonical(database: Database, name: str) -> None:
    life = await hub(database, base_url="/lab/")
    async with following(life) as proxy:
        await start(life, name)
        [prefix] = [path for path in proxy.routes if path != "/"] or [""]
        if not prefix:
            await proxy.pull(20)
            [prefix] = [path for path in proxy.routes if path != "/"]
        assert prefix.startswith("/lab/user/")
        assert unquote(prefix.split("/")[3]) == name
        assert prefix.isascii()
        assert prefix.count("/") == 4
