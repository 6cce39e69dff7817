"""The fault proxy fails as it says, and the cache comes back from every fault by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import PODS, Cluster
from perijove.spawners.kubernetes.credentials import Fixed, Shown, bearer
from perijove.spawners.kubernetes.errors import Throttled, Unreachable
from perijove.spawners.kubernetes.interest import Interest
from perijove.spawners.kubernetes.kubeconfig import Access, Wanted, find
from perijove.spawners.kubernetes.tls import Trust
from tests.kubernetes.api_server import ApiServer, until
from tests.kubernetes.authority import Authority
from tests.kubernetes.fault_proxy import Fault, FaultProxy

POD = {"metadata": {"name": "ada"}}


@asynccontextmanager
async def between(
    tmp_path: Path, server: ApiServer, trust: Trust | None = None
) -> AsyncIterator[tuple[FaultProxy, Cluster]]:
    who = Fixed(Shown(bearer("secret")))
    server.token = "Bearer secret"
    real = Access(server.url, "hub", "t", who, trust or Trust())
    async with FaultProxy.before(real, tmp_path) as proxy:
        access = await asyncio.to_thread(find, Wanted(file=proxy.kubeconfig), {})
        cluster = await Cluster.connect(access)
        try:
            yield proxy, cluster
        finally:
            await cluster.close()


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        yield it


async def test_without_a_fault_it_is_not_there(tmp_path: Path) -> None:
    authority = Authority()
    async with (
        ApiServer().serving(authority.server()) as server,
        between(tmp_path, server, trust=Trust(authority.pem)) as (proxy, cluster),
    ):
        for number in range(40):
            await cluster.create(PODS, {"metadata": {"name": f"p{number}"}, "x": "y" * 10_000})
        items, _ = await cluster.list(PODS)
        assert len(items) == 40
        assert proxy.counted == {"none": 41}


async def test_a_read_in_every_fault(
    tmp_path: Path, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.line.WHOLE_SECONDS", 0.5)
    async with between(tmp_path, server) as (proxy, cluster):
        for fault in (Fault.REFUSED, Fault.UNAVAILABLE, Fault.TIMEOUT, Fault.SLOW):
            with proxy.fault(fault):
                await asyncio.sleep(0.01)
                with pytest.raises(Unreachable):
                    await cluster.get(PODS, "ada")
            await asyncio.sleep(0.01)
            assert await cluster.get(PODS, "ada") is None
        with proxy.fault(Fault.THROTTLED), pytest.raises(Throttled):
            await cluster.create(PODS, POD)
        with proxy.fault(Fault.SILENT):
            await asyncio.sleep(1.5)  # what the throttle asked for
            assert await cluster.get(PODS, "ada") is None
        assert proxy.counted["silent"] == 1


@pytest.mark.parametrize("fault", [it for it in Fault if it is not Fault.NONE])
async def test_the_cache_catches_up_after_every_fault(
    tmp_path: Path, server: ApiServer, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.line.WHOLE_SECONDS", 0.5)
    async with between(tmp_path, server) as (proxy, cluster):
        proxy.delay = 0.2
        cache = Cache(cluster, [Interest(PODS, silence=0.4)], stale=0.2)
        task = asyncio.create_task(cache.run())
        await cache.synced()
        await until(lambda: bool(server.watches))
        with proxy.fault(fault):
            await asyncio.sleep(0.1)
            server.put("pods", POD)
            await asyncio.sleep(0.9)
        await until(lambda: there(cache) and cache.staleness()["pods"] == 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def there(cache: Cache) -> bool:
    try:
        return cache.get(PODS, "ada") is not None
    except Unreachable:
        return False
