"""An API server that is away is spared; who needs it waits, and goes on when it is back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from perijove.spawners.kubernetes.cluster import PODS, Cluster
from perijove.spawners.kubernetes.doubt import Doubt
from perijove.spawners.kubernetes.errors import Rejected, Throttled, Unreachable
from perijove.spawners.kubernetes.interest import Interest
from perijove.spawners.kubernetes.kubeconfig import Access
from tests.integration.test_kubernetes_cache import following, listing, phase, pod, stands, watching
from tests.kubernetes.api_server import Answer, ApiServer, Request, status, until

AWAY = Answer(503, b"no backend")


def every(_: Request) -> bool:
    return True


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        yield it


@pytest.fixture
async def cluster(server: ApiServer) -> AsyncIterator[Cluster]:
    it = await Cluster.connect(Access(server.url, "hub", "a test"))
    yield it
    await it.close()


async def tries(cluster: Cluster, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unreachable):
            await cluster.get(PODS, "ada")


async def test_a_crowd_asks_once(server: ApiServer, cluster: Cluster) -> None:
    server.script(AWAY, when=every, times=1000)
    begun = asyncio.get_running_loop().time()
    await tries(cluster, 3)
    assert cluster.outage.on
    began = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - began < 2:
        await tries(cluster, 50)
        await asyncio.sleep(0.05)
    assert 4 <= len(server.requests) <= 10
    assert 2 <= cluster.outage.seconds <= asyncio.get_running_loop().time() - begun


async def test_who_is_back_is_noticed_by_all(server: ApiServer, cluster: Cluster) -> None:
    told: list[bool] = []
    cluster.outage.listen(lambda it: told.append(it.on))
    server.script(AWAY, when=every, times=4)
    await tries(cluster, 4)
    while cluster.outage.on:
        try:
            await cluster.get(PODS, "ada")
        except Unreachable:
            await asyncio.sleep(0.05)
    assert told == [True, False]
    assert cluster.outage.seconds == 0


async def test_one_that_wants_patience_is_there(server: ApiServer, cluster: Cluster) -> None:
    server.script(Answer(429, b"", {"Retry-After": "0"}), when=every, times=4)
    for _ in range(4):
        with pytest.raises(Throttled):
            await cluster.create(PODS, pod("ada"))
    assert not cluster.outage.on


async def test_a_refusal_a_webhook_or_a_lost_node_is_no_outage(
    server: ApiServer, cluster: Cluster
) -> None:
    webhook = Answer(500, status(500, 'Internal error occurred: failed calling webhook "x"'))
    server.script(webhook, when=every, times=3)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await cluster.create(PODS, pod("ada"))
    server.script(Answer(422, status(422, "no")), when=every, times=3)
    for _ in range(3):
        with pytest.raises(Rejected):
            await cluster.create(PODS, pod("ada"))
    server.script(Answer(502, b"no route to host"), when=every, times=3)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await cluster.log("ada", container="notebook")
    assert not cluster.outage.on


async def test_a_log_is_not_asked_for_in_an_outage(server: ApiServer, cluster: Cluster) -> None:
    server.script(AWAY, when=every, times=3)
    await tries(cluster, 3)
    await asyncio.sleep(0.5)
    with pytest.raises(Unreachable):
        await cluster.log("ada", container="notebook")
    assert len(server.requests) == 3


async def test_a_crowd_that_is_told_to_wait_comes_back_one_by_one(
    server: ApiServer, cluster: Cluster
) -> None:
    server.script(Answer(429, b"", {"Retry-After": "1"}), when=every, times=1000)

    async def one(number: int) -> None:
        with pytest.raises(Throttled):
            await cluster.create(PODS, pod(f"p{number}"))

    with pytest.raises(Throttled):
        await cluster.create(PODS, pod("first"))
    await asyncio.gather(*(one(number) for number in range(12)))
    assert len(server.requests) < 1000
    assert not cluster.outage.on


async def test_all_watches_come_back_with_the_first(server: ApiServer) -> None:
    async with following(server) as cache:
        await cache.synced()
        await until(lambda: len(server.watches) == 4)
        server.script(AWAY, when=every, times=12)
        for watch in server.watches:
            watch.cut()
        await until(lambda: cache.silence() > 1)
        server.scripts.clear()
        back = asyncio.get_running_loop().time()
        await until(lambda: cache.silence() == 0)
        assert asyncio.get_running_loop().time() - back < 4


async def test_a_watch_that_does_not_show_what_we_wrote_is_doubted(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.doubt.SOON", 0.3)
    async with following(server, (Interest(PODS),)) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].silent = True
        cache.put(PODS, server.put("pods", pod("ada")))
        server.put("pods", pod("ada", "Running"))
        await until(lambda: phase(cache, "ada") == "Running")
        assert server.asked("pods", watch=True) == 2
        assert server.asked("pods", watch=False) == 1


async def test_where_a_new_watch_is_silent_too_a_list_helps(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.doubt.SOON", 0.2)
    monkeypatch.setattr("perijove.spawners.kubernetes.follow._BRIEF", 0.0)
    async with following(server, (Interest(PODS),)) as cache:
        await cache.synced()
        await stands(server)
        server.watches[0].silent = True
        server.script(Answer(hang=True), when=watching(PODS), times=1)
        cache.put(PODS, server.put("pods", pod("ada")))
        server.put("pods", pod("ada", "Running"))
        await until(lambda: phase(cache, "ada") == "Running")
        assert server.asked("pods", watch=False) == 2
        assert listing(PODS)(server.requests[-1]) or watching(PODS)(server.requests[-1])


async def test_a_watch_is_doubted_only_so_often() -> None:
    """A pod that was there already makes no news; that must not end in a list for ever."""

    doubt = Doubt(60.0)
    doubt.expect()
    assert [doubt.again() for _ in range(6)] == [True] * 4 + [False] * 2
    assert doubt.expected is None


async def test_a_watch_that_was_quiet_is_not_stale_the_moment_it_breaks(server: ApiServer) -> None:
    """A balancer cuts what is idle for long: that is no reason to be unwell."""
    server.put("pods", pod("ada"))
    async with following(server, (Interest(PODS),), stale=1.0) as cache:
        await cache.synced()
        await stands(server)
        await asyncio.sleep(1.3)
        server.watches[0].cut()
        await until(lambda: cache.silence() > 0)
        assert cache.silence() < 1
        assert phase(cache, "ada") == "Pending"


async def test_an_outage_begins_with_the_first_question_that_was_not_answered(
    server: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.line.WHOLE_SECONDS", 0.5)
    server.script(Answer(hang=True), when=every, times=3)
    await asyncio.gather(*(tries(cluster, 1) for _ in range(3)))
    assert cluster.outage.seconds > 0.45
