"""What an API server refuses of a start for now is waited for, be it a home or a pod."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.model.errors import Refused
from perijove.model.placement import Placement
from perijove.model.workload import LaunchSpec, Origin, State
from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import Cluster
from perijove.spawners.kubernetes.errors import Postponed
from perijove.spawners.kubernetes.interests import INTERESTS
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.spawner import KubernetesSpawner, PodSettings
from tests.kubernetes.api_server import Answer, ApiServer, Request, status, until
from tests.life import LABEL

ADA = Origin(
    instance="i", incarnation=1, user="ada", server="", port=None, user_id=7, home="claim-ada"
)
SPEC = LaunchSpec(name="jupyter-ada", origin=ADA, command=())
HOME = Placement(workload=SPEC.name, port=None, client="", home=ADA.home)
TRAITS = {"image": "x:1", "storage_pvc_ensure": True}
FULL = "exceeded quota: q, requested: count=1, used: count=5, limited: count=5"
NEVER = "exceeded quota: q, requested: count=9, used: count=0, limited: count=5"


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as it:
        yield it


@pytest.fixture
async def spawner(server: ApiServer) -> AsyncIterator[KubernetesSpawner]:
    cluster = await Cluster.connect(Access(server.url, "hub", "a test"))
    cache = Cache(cluster, INTERESTS)
    async with in_background(cache.run()):
        await cache.synced()
        yield KubernetesSpawner("i", cluster, cache, PodSettings(traits=TRAITS), Clock())
    await cluster.close()


def refuse(server: ApiServer, plural: str, words: str) -> None:
    def made(request: Request) -> bool:
        return request.method == "POST" and request.plural == plural

    server.script(Answer(403, status(403, words, "Forbidden")), when=made)


@pytest.mark.parametrize("plural", ["persistentvolumeclaims", "pods"])
async def test_a_quota_that_is_used_up_is_waited_for_and_told(
    server: ApiServer, spawner: KubernetesSpawner, plural: str
) -> None:
    refuse(server, plural, FULL)
    with pytest.raises(Postponed):
        await begin(spawner)
    seen = await spawner.poll(SPEC.name)
    assert (seen.state, [it.code for it in seen.signals]) == (State.GONE, ["quota"])
    await begin(spawner)  # there is room
    assert (await spawner.poll(SPEC.name)).state is State.PENDING


@pytest.mark.parametrize("plural", ["persistentvolumeclaims", "pods"])
async def test_more_than_a_quota_ever_allows_is_refused_at_once(
    server: ApiServer, spawner: KubernetesSpawner, plural: str
) -> None:
    refuse(server, plural, NEVER)
    with pytest.raises(Refused) as refused:
        await begin(spawner)
    assert refused.value.code == "quota-never"


async def test_a_claim_that_is_on_its_way_out_is_waited_for(
    server: ApiServer, spawner: KubernetesSpawner
) -> None:
    """A person is deleted and added again at once: theirs is to be the next, and a new one."""
    old = {
        "name": ADA.home,
        "labels": {"component": "singleuser-storage"},
        "deletionTimestamp": "2026-11-25T12:00:00Z",
    }
    server.put("persistentvolumeclaims", {"metadata": old})
    for _ in range(2):  # whether the watch has told of it yet or not
        with pytest.raises(Postponed):
            await begin(spawner)
        [signal] = (await spawner.poll(SPEC.name)).signals
        assert (signal.code, signal.params) == ("claim-leaving", {"claim": ADA.home})
        await asyncio.sleep(0.2)
    server.remove("persistentvolumeclaims", ADA.home)
    await until(lambda: begun(spawner))
    assert (await spawner.poll(SPEC.name)).state is State.PENDING
    assert "deletionTimestamp" not in server.objects["persistentvolumeclaims"][ADA.home]["metadata"]


async def test_a_deleted_home_is_known_to_go_before_the_watch_tells(
    server: ApiServer, spawner: KubernetesSpawner
) -> None:
    await begin(spawner)
    for watch in server.watches:
        watch.silent = True
    await spawner.remove_storage(HOME, LABEL)
    assert ADA.home not in server.objects["persistentvolumeclaims"]
    await spawner.ensure_storage(replace(SPEC, origin=replace(ADA, user_id=8)))
    assert ADA.home in server.objects["persistentvolumeclaims"]


async def test_homes_of_before_are_left_alone_where_homes_are_elsewhere(
    server: ApiServer, spawner: KubernetesSpawner
) -> None:
    await begin(spawner)
    spawner._settings = PodSettings(traits={**TRAITS, "storage_pvc_ensure": False})
    await spawner.remove_storage(HOME, LABEL)
    assert ADA.home in server.objects["persistentvolumeclaims"]


async def begun(spawner: KubernetesSpawner) -> bool:
    """Return whether the start was taken."""
    with suppress(Postponed):
        await begin(spawner)
        return True
    return False


async def begin(spawner: KubernetesSpawner) -> None:
    await spawner.ensure_storage(SPEC)
    await spawner.start(SPEC)
