"""A place of real pods: the spawners of several instances in one namespace, over one cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.spawners import Spawner
from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import Cluster
from perijove.spawners.kubernetes.interests import INTERESTS
from perijove.spawners.kubernetes.kubeconfig import Wanted, find
from perijove.spawners.kubernetes.spawner import KubernetesSpawner, PodSettings

STUB = "perijove-test-stub:dev"
TRAITS: dict[str, Any] = {
    "image": STUB,
    "image_pull_policy": "IfNotPresent",
    "delete_grace_period": 1,
    "storage_pvc_ensure": True,
    "storage_capacity": "10Mi",
}


class KubernetesPlace:
    """Pods of the test image, which listens on 8888 whatever port was reserved."""

    listen: tuple[str, ...] = ()

    def __init__(self, cluster: Cluster, cache: Cache, traits: dict[str, Any]) -> None:
        self.cluster = cluster
        self.cache = cache
        self.settings = PodSettings(traits=traits)

    def spawner(self, instance: str) -> Spawner:
        return KubernetesSpawner(instance, self.cluster, self.cache, self.settings, Clock())

    def is_address(self, address: str, port: int) -> bool:
        del port
        return address.startswith("http://10.244.") and address.endswith(":8888")


@asynccontextmanager
async def pods(
    kubeconfig: Path, namespace: str, traits: dict[str, Any] | None = None
) -> AsyncIterator[KubernetesPlace]:
    """Yield a place in `namespace`, whose cache is kept fresh meanwhile."""
    access = await asyncio.to_thread(find, Wanted(file=kubeconfig, namespace=namespace))
    cluster = await Cluster.connect(access)
    cache = Cache(cluster, INTERESTS)
    try:
        async with in_background(cache.run()):
            await cache.synced()
            yield KubernetesPlace(cluster, cache, {**TRAITS, **(traits or {})})
    finally:
        await cluster.close()
