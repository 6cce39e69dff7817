"""What never ends by itself: a pod that stays, a claim without a volume, a node that is lost."""

import asyncio
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perijove.http.sentences import sentence
from tests.cluster.chaos.lab import Lab, lab
from tests.cluster.chaos.told import row
from tests.cluster.chaos.witness import now
from tests.cluster.kubectl import Kubectl

FINALIZER = "perijove.test/stays"
FORCED = 30.0
"""Seconds of patience with a stop, before a pod is ended by force."""

pytestmark = pytest.mark.usefixtures("ours")  # its pods are reached from here


def show(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{words}\n")


async def test_a_pod_that_never_leaves_is_waited_for_and_its_person_is_told(
    kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with lab(kubeconfig, kubectl.namespace, tmp_path) as it:
        await it.enter("ada")
        await it.start("ada")
        await it.ready("ada")
        await finalizers(kubectl, f'["{FINALIZER}"]')
        requests = sum(it.faults.counted.values())
        assert await it.ask("DELETE", "ada") == 202

        await asyncio.sleep(FORCED + 5)  # force does not help it either
        requests = sum(it.faults.counted.values()) - requests
        assert requests <= 12  # to look costs nothing
        refused = await it.client.post("/hub/api/users/ada/server")
        assert refused.status_code == 400
        assert sentence("pending-stop", {"server": "ada/"}, "en") in refused.text
        assert (await it.server("ada"))["pending"] == "stop"
        await finalizers(kubectl, "null")
        gone = now()
        await it.stopped("ada", seconds=10)
        gone = now() - gone
        await it.start("ada")
        await it.ready("ada")
    show(
        capsys,
        f"stays: {requests} requests in {FORCED + 5:.0f} s, ended {gone:.1f} s after its"
        " finalizer, started again",
    )


async def finalizers(kubectl: Kubectl, names: str) -> None:
    patch = f'{{"metadata": {{"finalizers": {names}}}}}'
    await asyncio.to_thread(kubectl, "patch", "pod", "jupyter-ada", "--type=merge", f"-p={patch}")


@pytest.mark.smoke
async def test_a_claim_that_never_binds_is_told_within_fifteen_seconds(
    kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = {"type": "dynamic", "capacity": "10Mi", "dynamic": {"storageClass": "there-is-none"}}
    async with lab(kubeconfig, kubectl.namespace, tmp_path, storage=home) as it:
        await it.enter("ada")
        began = now()
        await it.start("ada")
        await it.until("it has failed", lambda: failed(it), 15)
        took = now() - began
        assert row(it.data, "jupyter-ada").reason == "claim-class"
    show(capsys, f"claim of no class: told after {took:.1f} s")


async def test_a_pod_that_is_deleted_by_hand_is_told_and_starts_again(
    kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with lab(kubeconfig, kubectl.namespace, tmp_path) as it:
        await it.enter("ada")
        await it.start("ada")
        await it.ready("ada")
        began = now()
        await asyncio.to_thread(kubectl, "delete", "pod", "jupyter-ada", "--wait=false")
        await it.until("it has failed", lambda: failed(it), 10)
        took = now() - began
        assert row(it.data, "jupyter-ada").reason == "pod-deleted"
        await it.start("ada")
        await it.ready("ada")
    show(capsys, f"deleted by hand: told after {took:.1f} s, started again")


async def failed(it: Lab) -> bool:
    return row(it.data, "jupyter-ada").phase == "failed"


@pytest.fixture
def doomed(whole_cluster: Kubectl) -> Iterator[str]:
    """A node without a kubelet, Ready for as long as somebody says so; pods stay Pending on it."""
    name = f"doomed-{secrets.token_hex(3)}"
    size = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    whole_cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"doomed": name}},
            "spec": {"taints": [{"key": "doomed", "value": "true", "effect": "NoSchedule"}]},
            "status": {"capacity": size, "allocatable": size},
        }
    )
    condition(whole_cluster, name, "True")
    yield name
    whole_cluster("delete", "node", name)


def condition(whole_cluster: Kubectl, node: str, ready: str) -> None:
    """Say of a node whether it is Ready, as its kubelet or the lack of it would."""
    one = f'{{"type": "Ready", "status": "{ready}", "reason": "Test"}}'
    patch = f'{{"status": {{"conditions": [{one}]}}}}'
    whole_cluster("patch", "node", node, "--subresource=status", "--type=merge", f"-p={patch}")


async def test_a_start_on_a_node_that_is_lost_is_explained_and_can_be_stopped(
    kubeconfig: Path,
    kubectl: Kubectl,
    doomed: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bear = [{"key": "doomed", "operator": "Exists"}]
    where = {"nodeSelector": {"doomed": doomed}, "extraTolerations": bear}
    async with lab(kubeconfig, kubectl.namespace, tmp_path, **where) as it:
        await it.enter("ada")
        await it.start("ada")

        async def placed() -> bool:
            pod = (await it.pods()).get("jupyter-ada", {})
            return bool(pod.get("spec", {}).get("nodeName") == doomed)

        await it.until("it is placed there", placed, 30)
        await asyncio.to_thread(condition, kubectl, doomed, "Unknown")
        began, words = now(), sentence("node-lost", {"node": doomed}, "en")
        async with (
            asyncio.timeout(30),
            it.client.stream("GET", "/hub/api/users/ada/server/progress") as answer,
        ):
            async for line in answer.aiter_lines():
                if words in line:
                    break
            else:
                pytest.fail("the stream ended without a word of the node")
        told = now() - began
        assert await it.ask("DELETE", "ada") == 202
        began = now()
        await it.stopped("ada", seconds=FORCED + 15)
        stopped = now() - began
    show(capsys, f"node lost: explained after {told:.1f} s, stopped after {stopped:.0f} s")
