"""Kill -9 a hub whose servers are still to start: each starts once, and no pod is touched."""

import asyncio
import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.chaos.lab import lab
from tests.cluster.chaos.verdict import ended, settled, told
from tests.cluster.chaos.witness import now
from tests.cluster.kubectl import Kubectl
from tests.cluster.pods import STUB

BAR = os.environ.get("PERIJOVE_BAR") == "2"
KILLS = 40 if BAR else 10
PULL_KILLS = 39 if BAR else 5
PULL_SECONDS = 40
SEED = int(os.environ.get("PERIJOVE_SEED", "1"))

pytestmark = pytest.mark.usefixtures("ours")  # its pods are reached from here


@pytest.fixture
def shut(whole_cluster: Kubectl) -> Iterator[str]:
    """A label that no node has, until a test gives it to one."""
    label = f"faults-{secrets.token_hex(3)}"
    yield label
    whole_cluster("label", "node", "n1", f"{label}-")


async def test_ten_pods_are_pending_and_the_hub_dies_ten_times(
    kubeconfig: Path,
    kubectl: Kubectl,
    shut: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance, began = random.Random(SEED), now()
    first = [f"u{n}" for n in range(10)]
    late = [f"late{n}" for n in range(KILLS if not BAR else 10)]
    async with lab(kubeconfig, kubectl.namespace, tmp_path, nodeSelector={shut: "yes"}) as it:
        await it.enter(*first, *late)
        await it.start(*first)
        for number in range(KILLS):
            asked = None
            if number < len(late):  # one more is asked for in the moment of death
                asked = asyncio.create_task(it.ask("POST", late[number]))
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            await it.reborn()
            if asked is not None and await asked not in {201, 202}:
                assert await it.ask("POST", late[number]) in {201, 202, 400}
        await asyncio.to_thread(kubectl, "label", "node", "n1", f"{shut}=yes")
        await it.ready(*first, *late)
        figures = await settled(it, [*first, *late])
        await ended(it, [*first, *late])
    told(capsys, SEED, f"B2: {KILLS} x kill -9, 10 pods pending, {figures}, {now() - began:.0f} s")


async def test_images_take_forty_seconds_and_the_hub_dies_five_times(
    kubeconfig: Path, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An init container sleeps in place of the pull: to the hub, both are a pod that waits."""
    chance, began = random.Random(SEED), now()
    users = [f"u{n}" for n in range(5)]
    wait = {"name": "pull", "image": STUB, "command": ["sleep", str(PULL_SECONDS)]}
    async with lab(kubeconfig, namespace, tmp_path, initContainers=[wait]) as it:
        await it.enter(*users)
        await it.start(*users)
        for _ in range(PULL_KILLS):
            await asyncio.sleep(chance.uniform(0.5, 1.5) * PULL_SECONDS / (PULL_KILLS + 1) / 2)
            await it.reborn()
        await it.ready(*users)
        figures = await settled(it, users)
        await ended(it, users)
    took = now() - began
    told(
        capsys,
        SEED,
        f"B2: {PULL_KILLS} x kill -9, pulls of {PULL_SECONDS} s, {figures}, {took:.0f} s",
    )
