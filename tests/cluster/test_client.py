"""Client and cache against a real API server: what the scripted one can only claim."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import CLAIMS, CLASSES, EVENTS, NODES, PODS, Cluster
from perijove.spawners.kubernetes.errors import (
    Changed,
    Exists,
    Expired,
    Forbidden,
    Missing,
    Rejected,
    Unauthenticated,
    Unreachable,
)
from perijove.spawners.kubernetes.interest import Interest, event_of_ours, told_pod
from perijove.spawners.kubernetes.kubeconfig import Wanted, find
from tests.cluster.kubectl import Kubectl
from tests.cluster.manifests import claim, pod
from tests.kubernetes.api_server import until
from tests.kubernetes.fault_proxy import Fault, FaultProxy

ALL = (
    Interest(PODS),
    Interest(CLAIMS),
    Interest(EVENTS, trim=event_of_ours, rings=told_pod),
    Interest(NODES, optional=True),
    Interest(CLASSES, optional=True),
)


@asynccontextmanager
async def connected(kubeconfig: Path, namespace: str) -> AsyncIterator[Cluster]:
    wanted = Wanted(file=kubeconfig, namespace=namespace)
    cluster = await Cluster.connect(await asyncio.to_thread(find, wanted, {}))
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def following(cluster: Cluster) -> AsyncIterator[Cache]:
    cache = Cache(cluster, ALL)
    task = asyncio.create_task(cache.run())
    try:
        async with asyncio.timeout(20):
            await cache.synced()
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def cluster(kubeconfig: Path, namespace: str) -> AsyncIterator[Cluster]:
    async with connected(kubeconfig, namespace) as it:
        yield it


def phase(cache: Cache, name: str) -> str:
    try:
        found = cache.get(PODS, name)
    except Unreachable:
        return ""
    return str(found["status"]["phase"]) if found else ""


async def test_the_life_of_a_pod(cluster: Cluster) -> None:
    async with following(cluster) as cache, aclosing(cache.changes()) as names:
        made = await cluster.create(PODS, pod("ada", "sh", "-c", "echo one; echo two; sleep 600"))
        cache.put(PODS, made)
        assert phase(cache, "ada") == "Pending"
        assert await anext(names) == "ada"
        await until(lambda: phase(cache, "ada") == "Running", 60)
        await until(lambda: len(cache.events_of(PODS, "ada")) >= 3, 10)
        assert cache.events_of(PODS, "ada")[0]["reason"] == "Scheduled"
        assert await cluster.log("ada", container="main") == "one\ntwo\n"
        assert await cluster.log("ada", container="main", tail_bytes=4) == "two\n"
        assert await cluster.log("ada", container="main", previous=True) == ""
        with pytest.raises(Exists):
            await cluster.create(PODS, pod("ada"))
        with pytest.raises(Changed):
            await cluster.delete(PODS, "ada", uid="00000000-0000-0000-0000-000000000000")
        doomed = await cluster.delete(PODS, "ada", uid=made["metadata"]["uid"], grace=1)
        cache.put(PODS, doomed)
        seen = cache.get(PODS, "ada")
        assert seen
        assert seen["metadata"]["deletionTimestamp"]
        await until(lambda: cache.get(PODS, "ada") is None, 30)
        with pytest.raises(Missing):
            await cluster.delete(PODS, "ada")
        assert await cluster.log("ada", container="main") == ""


async def test_the_log_of_what_is_still_to_start_is_empty(cluster: Cluster) -> None:
    await cluster.create(PODS, pod("ada", image="perijove-no-such-image:0"))
    await asyncio.sleep(3)
    assert await cluster.log("ada", container="main") == ""


async def test_claims_nodes_and_classes_are_read(cluster: Cluster) -> None:
    async with following(cluster) as cache:
        cache.put(CLAIMS, await cluster.create(CLAIMS, claim("home")))
        await until(lambda: bool(cache.events_of(CLAIMS, "home")), 20)
        assert cache.names(NODES)
        assert cache.names(CLASSES)


async def test_pages(cluster: Cluster) -> None:
    for number in range(5):
        await cluster.create(CLAIMS, claim(f"home-{number}"))
    listing = cluster.listing(CLAIMS, limit=2)
    assert len([it async for it in listing]) == 5
    assert listing.version


def admitted(kubectl: Kubectl, folder: Path, token: str) -> Path:
    """Return a kubeconfig like the one of `kubectl`, with another token."""
    tree: dict[str, Any] = yaml.safe_load(kubectl.config.read_text())
    for user in tree["users"]:
        user["user"] = {"token": token}
    path = folder / "admitted"
    path.write_text(yaml.safe_dump(tree))
    return path


async def test_rights_that_are_missing_and_tokens_that_are_none(
    kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    def prepare() -> Path:
        kubectl("create", "serviceaccount", "hub")
        kubectl("create", "role", "look", "--verb=list,watch", "--resource=pods,pvc,events")
        kubectl("create", "rolebinding", "look", "--role=look", f"--serviceaccount={namespace}:hub")
        return admitted(kubectl, tmp_path, kubectl("create", "token", "hub").strip())

    path = await asyncio.to_thread(prepare)
    async with connected(path, namespace) as cluster, following(cluster) as cache:
        assert 'cannot list resource "nodes"' in cache.off(NODES)
        assert "storageclasses" in cache.off(CLASSES)
        assert cache.names(PODS) == []
        with pytest.raises(Forbidden) as caught:
            await cluster.create(PODS, pod("ada"))
        assert (caught.value.verb, caught.value.resource) == ("create", "pods")
    async with connected(admitted(kubectl, tmp_path, "nobody"), namespace) as cluster:
        with pytest.raises(Unauthenticated, match="Sign in to the cluster anew"):
            await cluster.list(PODS)


async def test_what_is_refused_says_why(cluster: Cluster, kubectl: Kubectl) -> None:
    def prepare() -> None:
        kubectl("create", "quota", "small", "--hard=pods=0")

    with pytest.raises(Rejected) as invalid:
        await cluster.create(PODS, pod("Not A Name"))
    assert (invalid.value.status, invalid.value.reason) == (422, "Invalid")
    assert invalid.value.answer.causes[0][2] == "metadata.name"
    await asyncio.to_thread(prepare)
    await asyncio.sleep(1)
    with pytest.raises(Rejected, match="exceeded quota: small") as full:
        await cluster.create(PODS, pod("ada"))
    assert (full.value.status, full.value.reason) == (403, "Forbidden")


@pytest.mark.parametrize(
    "fault", [Fault.REFUSED, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.TIMEOUT]
)
async def test_every_fault_passes(
    kubectl: Kubectl, kubeconfig: Path, namespace: str, tmp_path: Path, fault: Fault
) -> None:
    access = await asyncio.to_thread(find, Wanted(file=kubeconfig, namespace=namespace), {})
    async with (
        FaultProxy.before(access, tmp_path) as proxy,
        connected(proxy.kubeconfig, namespace) as cluster,
        following(cluster) as cache,
    ):
        with proxy.fault(fault):
            await asyncio.to_thread(kubectl.apply, pod("ada", "sleep", "600"))
            await asyncio.sleep(3)
        await until(lambda: phase(cache, "ada") == "Running", 90)


def kit(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.cluster.kit", *words], check=True)


@pytest.mark.usefixtures("ours")
async def watched_since_ever(cluster: Cluster) -> None:
    async for _ in cluster.watch(PODS, since="1"):
        pass


async def test_an_api_server_that_goes_and_comes(
    cluster: Cluster, kubectl: Kubectl, capfd: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(kubectl.apply, pod("ada", "sleep", "600"))
    async with following(cluster) as cache:
        await until(lambda: phase(cache, "ada") == "Running", 60)
        try:
            await asyncio.to_thread(kit, "stop", "apiserver")
            await asyncio.sleep(35)
            with pytest.raises(Unreachable, match="were last seen"):
                cache.get(PODS, "ada")
            with pytest.raises(Unreachable):
                await cluster.create(PODS, pod("bob"))
            assert cache.staleness()["pods"] > 30
        finally:
            await asyncio.to_thread(kit, "start", "apiserver")
        await until(lambda: phase(cache, "ada") == "Running", 30)
        await cluster.create(PODS, pod("bob", "sleep", "600"))
        await until(lambda: phase(cache, "bob") != "", 10)  # its scheduler needs 90 s to come back
        with pytest.raises(Expired):  # it knows nothing from before it was started
            await asyncio.wait_for(watched_since_ever(cluster), 30)
    capfd.readouterr()
