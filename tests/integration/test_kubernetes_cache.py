"""The cache follows a scripted API server through everything that can happen to a watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import CLAIMS, EVENTS, NODES, PODS, Cluster, Kind
from perijove.spawners.kubernetes.errors import Unreachable
from perijove.spawners.kubernetes.interest import Interest, event_of_ours, told_pod
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.trim import keeping
from tests.kubernetes.api_server import Answer, ApiServer, Object, Request, status, until

ALL = (
    Interest(PODS, labels="app=jupyterhub", trim=keeping("status.phase")),
    Interest(CLAIMS),
    Interest(EVENTS, trim=event_of_ours, rings=told_pod),
    Interest(NODES, optional=True, rings=lambda _: ""),
)


def pod(name: str, phase: str = "Pending", **metadata: Any) -> Object:
    return {"metadata": {"name": name, **metadata}, "status": {"phase": phase}}


def event(name: str, of: Object, at: str, kind: str = "Pod") -> Object:
    about = {"kind": kind, "name": of["metadata"]["name"], "uid": of["metadata"]["uid"]}
    told = {"involvedObject": about, "reason": name, "lastTimestamp": at}
    return {"metadata": {"name": name}, **told}


def listing(kind: Kind) -> Callable[[Request], bool]:
    return lambda it: it.plural == kind.plural and not it.watch


def watching(kind: Kind) -> Callable[[Request], bool]:
    return lambda it: it.plural == kind.plural and it.watch


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        yield it


@asynccontextmanager
async def following(
    server: ApiServer, interests: tuple[Interest, ...] = ALL, stale: float = 30.0
) -> AsyncIterator[Cache]:
    cluster = await Cluster.connect(Access(server.url, "hub", "a test"))
    cache = Cache(cluster, interests, stale=stale)
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cluster.close()


async def stands(server: ApiServer, kind: Kind = PODS) -> None:
    await until(lambda: any(it.plural == kind.plural for it in server.watches))


def phase(cache: Cache, name: str) -> str:
    found = cache.get(PODS, name)
    return found["status"]["phase"] if found else ""


async def test_nothing_is_said_before_it_was_read(server: ApiServer) -> None:
    server.script(Answer(503, status(503, "etcd is away")), when=listing(PODS), times=2)
    async with following(server) as cache:
        with pytest.raises(Unreachable, match="are not known"):
            cache.get(PODS, "ada")
        async with asyncio.timeout(20):
            await cache.synced()
        assert cache.get(PODS, "ada") is None


async def test_what_changes_is_seen_and_made_small(server: ApiServer) -> None:
    server.put("pods", pod("ada", labels={"x": "y"}))
    async with following(server) as cache:
        await cache.synced()
        assert phase(cache, "ada") == "Pending"
        await stands(server)
        server.put("pods", pod("ada", "Running"))
        server.put("pods", pod("bob"))
        await until(lambda: phase(cache, "bob") == "Pending")
        assert phase(cache, "ada") == "Running"
        assert "labels" not in (cache.get(PODS, "ada") or {})["metadata"]
        server.remove("pods", "ada")
        await until(lambda: cache.names(PODS) == ["bob"])
        assert [it["metadata"]["name"] for it in cache.all(PODS)] == ["bob"]


async def test_who_listens_hears_every_name_and_then_each_that_changes(server: ApiServer) -> None:
    ada = server.put("pods", pod("ada"))
    async with following(server) as cache:
        await cache.synced()
        await stands(server, EVENTS)
        await stands(server)
        async with aclosing(cache.changes()) as names, asyncio.timeout(20):
            assert await anext(names) == "ada"
            server.put("pods", pod("bob"))
            assert await anext(names) == "bob"
            server.put("events", event("Pulling", ada, "2026-01-01T00:00:00Z"))
            assert await anext(names) == "ada"
            server.put("nodes", pod("node"))
            server.remove("pods", "bob")
            assert await anext(names) == "bob"


async def test_the_events_of_an_object_are_bounded_and_in_order(server: ApiServer) -> None:
    ada, claim = server.put("pods", pod("ada")), server.put("persistentvolumeclaims", pod("home"))
    for minute in range(59, -1, -1):
        server.put("events", event(f"E{minute:02}", ada, f"2026-01-01T00:{minute:02}:00Z"))
    server.put("events", event("Pending", claim, "2026-01-01", "PersistentVolumeClaim"))
    server.put("events", event("Scaled", ada, "2026-01-01", "ReplicaSet"))
    async with following(server) as cache:
        await cache.synced()
        told = [it["reason"] for it in cache.events_of(PODS, "ada")]
        assert told == [f"E{minute:02}" for minute in range(10, 60)]
        assert [it["reason"] for it in cache.events_of(CLAIMS, "home")] == ["Pending"]
        assert cache.events_of(PODS, "bob") == []
        await stands(server)
        server.remove("pods", "ada")
        again = server.put("pods", pod("ada", uid="another"))
        await until(lambda: cache.get(PODS, "ada") == {k: again[k] for k in ("metadata", "status")})
        assert cache.events_of(PODS, "ada") == [], "those are of another"
        assert len(cache.events_of(PODS, "ada", ada["metadata"]["uid"])) == 50


async def test_a_right_that_is_missing_turns_off_what_is_optional(server: ApiServer) -> None:
    said = 'nodes is forbidden: User "hub" cannot list resource "nodes" in API group ""'
    server.script(Answer(403, status(403, said)), when=listing(NODES), times=99)
    async with following(server) as cache:
        await cache.synced()
        assert cache.off(NODES) == said
        assert list(cache.all(NODES)) == []
        assert cache.staleness()["nodes"] == 0
        assert not cache.off(PODS)


@pytest.mark.parametrize("how", ["end", "cut"])
async def test_a_watch_goes_on_where_it_broke(server: ApiServer, how: str) -> None:
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await stands(server)
        await asyncio.sleep(1.05 if how == "end" else 0)  # what ends at once is in trouble
        first = server.watches[0]
        getattr(first, how)()
        await until(lambda: first not in server.watches)
        server.put("pods", pod("ada"))
        await until(lambda: phase(cache, "ada") == "Pending")
        assert server.asked("pods", watch=False) == 1


async def test_a_bookmark_moves_on_where_a_watch_begins(server: ApiServer) -> None:
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].bookmark(777)
        await until(lambda: cache._followers[PODS]._version == "777")
        server.watches[0].cut()
        await until(lambda: server.asked("pods", watch=True) == 2)
        assert server.requests[-1].query["resourceVersion"] == "777"


async def test_what_was_missed_is_found_by_a_new_list(server: ApiServer) -> None:
    for name in ("ada", "bob", "cyd"):
        server.put("pods", pod(name))
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await stands(server)
        async with aclosing(cache.changes()) as names, asyncio.timeout(20):
            assert {await anext(names) for _ in range(3)} == {"ada", "bob", "cyd"}
            for watch in server.watches:
                watch.silent = True
            server.remove("pods", "ada")
            server.remove("pods", "bob")
            server.put("pods", pod("bob", uid="another"))
            server.compact()
            server.watches[0].cut()
            assert {await anext(names) for _ in range(2)} == {"ada", "bob"}
            assert cache.get(PODS, "ada") is None
            assert (cache.get(PODS, "bob") or {})["metadata"]["uid"] == "another"
        assert server.asked("pods", watch=False) == 2


async def test_a_silent_watch_is_opened_again(server: ApiServer) -> None:
    quick = Interest(PODS, silence=0.2)
    async with following(server, (quick,)) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].silent = True
        server.put("pods", pod("ada"))
        await until(lambda: phase(cache, "ada") == "Pending")
        assert server.asked("pods", watch=False) == 1


async def test_old_news_are_not_believed(server: ApiServer) -> None:
    server.put("pods", pod("ada"))
    async with following(server, ALL[:1], stale=2.0) as cache:
        await cache.synced()
        await stands(server)
        assert cache.staleness() == {"pods": 0}
        server.script(Answer(503, b"away"), when=lambda _: True, times=1000)
        server.watches[0].cut()
        await until(lambda: cache.staleness()["pods"] > 0)
        assert phase(cache, "ada") == "Pending", "for a while it is"
        await until(lambda: cache.staleness()["pods"] > 2)
        with pytest.raises(Unreachable, match="last seen"):
            cache.get(PODS, "ada")
        with pytest.raises(Unreachable):
            cache.names(PODS)
        server.scripts.clear()
        async with asyncio.timeout(20):
            while cache.staleness()["pods"]:
                await asyncio.sleep(0.02)
        assert phase(cache, "ada") == "Pending"


async def test_a_crowd_of_watches_keeps_its_distance(server: ApiServer) -> None:
    came = list[float]()

    def comes(request: Request) -> bool:
        came.extend([asyncio.get_running_loop().time()] if request.watch else [])
        return request.watch

    server.script(Answer(429, b"", {"Retry-After": "1"}), when=comes, times=2)
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await until(lambda: len(came) == 2)
    assert came[1] - came[0] > 0.9


async def test_what_we_write_is_read_at_once(server: ApiServer) -> None:
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].silent = True
        cache.put(PODS, server.put("pods", pod("ada")))
        assert phase(cache, "ada") == "Pending"
        server.remove("pods", "ada")
        cache.drop(PODS, "ada", cache.get(PODS, "ada")["metadata"]["uid"])  # type: ignore[index]
        assert cache.get(PODS, "ada") is None


async def test_odd_answers_are_survived(server: ApiServer) -> None:
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].raw(b'not json\n{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n')
        await asyncio.sleep(0.05)
        server.put("pods", pod("ada"))
        await until(lambda: phase(cache, "ada") == "Pending")


async def test_a_list_that_takes_too_long_is_read_at_once(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.follow.PAGE", 2)
    for number in range(5):
        server.put("pods", pod(f"p{number}"))
    old = Answer(410, status(410, "The provided continue parameter is too old"))
    server.script(old, when=lambda it: "continue" in it.query)
    async with following(server, ALL[:1]) as cache:
        await cache.synced()
        assert len(cache.names(PODS)) == 5


async def fall_silent(server: ApiServer, number: int) -> None:
    """Let `number` watches begin, and say nothing more."""
    await until(lambda: len(server.watches) == number)
    for watch in server.watches:
        watch.silent = True


async def test_when_one_watch_has_missed_something_all_are_suspected(server: ApiServer) -> None:
    both = (Interest(PODS, silence=0.2), Interest(CLAIMS))
    async with following(server, both) as cache:
        await cache.synced()
        await fall_silent(server, 2)
        server.put("persistentvolumeclaims", pod("home"))
        server.put("pods", pod("ada"))
        await until(lambda: cache.names(CLAIMS) == ["home"])
        assert cache.quiet(CLAIMS) < 5
        assert server.asked("persistentvolumeclaims", watch=False) == 1


async def test_a_watch_that_lacked_what_we_wrote_makes_the_others_suspect(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.doubt.SOON", 1.2)
    async with following(server, (Interest(PODS), Interest(CLAIMS))) as cache:
        await cache.synced()
        await fall_silent(server, 2)
        server.put("persistentvolumeclaims", pod("home"))
        cache.put(PODS, server.put("pods", pod("ada")))
        server.put("pods", pod("ada", "Running"))
        await until(lambda: phase(cache, "ada") == "Running")
        await until(lambda: cache.names(CLAIMS) == ["home"])


async def test_an_alarm_raises_no_other(server: ApiServer) -> None:
    """What the others tell at once, in a namespace that is busy, is no reason to go round again."""
    both = (Interest(PODS, silence=0.2), Interest(CLAIMS))
    async with following(server, both) as cache:
        await cache.synced()
        await fall_silent(server, 2)
        for number in range(100):
            server.put("persistentvolumeclaims", pod(f"home{number}"))
            server.put("pods", pod(f"p{number}"))
            await asyncio.sleep(0.01)
        await until(lambda: len(cache.names(CLAIMS)) == len(cache.names(PODS)) == 100)
        assert server.asked("persistentvolumeclaims", watch=True) == 2
        assert server.asked("pods", watch=True) <= 3


async def test_a_watch_that_had_nothing_to_say_is_no_trouble(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Some API servers send no bookmark where nothing changes: not every minute all four again."""
    both = (Interest(PODS, silence=0.2), Interest(CLAIMS))
    async with following(server, both) as cache:
        await cache.synced()
        await until(lambda: server.asked("pods", watch=True) >= 4)
        assert server.asked("persistentvolumeclaims", watch=True) == 1
        await until(lambda: cache.silence() < 0.2)
    assert not caplog.records


async def test_when_the_api_server_is_back_all_is_read_at_once(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.follow._CEILING", 0.5)
    async with following(server, ALL[:1], stale=0.3) as cache:
        await cache.synced()
        await stands(server)
        server.script(Answer(503, b"away"), when=lambda _: True, times=3)
        server.watches[0].cut()
        server.compact()
        server.put("pods", pod("ada"))
        server.compact()
        await until(lambda: server.asked("pods", watch=True) >= 5, 10)
        began = asyncio.get_running_loop().time()
        await until(lambda: known(cache, "ada"), 5)
        assert asyncio.get_running_loop().time() - began < 0.4, "and not after one more delay"


def known(cache: Cache, name: str) -> bool:
    try:
        return cache.get(PODS, name) is not None
    except Unreachable:
        return False
