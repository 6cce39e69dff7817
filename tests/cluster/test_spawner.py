"""The contract of all spawners, where servers are pods of a real cluster."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.pods import KubernetesPlace, pods
from tests.contract import test_spawner as contract
from tests.contract.test_spawner import emptied

# Every test of the contract; only the place is another.
globals().update({name: it for name, it in vars(contract).items() if name.startswith("test_")})
spawner = contract.spawner
pytestmark = pytest.mark.smoke


@pytest.fixture
async def place(kubeconfig: Path, namespace: str) -> AsyncIterator[KubernetesPlace]:
    async with pods(kubeconfig, namespace) as it:
        yield it
        await emptied(it)
