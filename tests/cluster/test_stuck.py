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
from tests.cluster.kit import parts
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


async def finalizers(kubectl: Kubectl, names: str, of: str = "pod/jupyter-ada") -> None:
    patch = f'{{"metadata": {{"finalizers": {names}}}}}'
    await asyncio.to_thread(kubectl, "patch", of, "--type=merge", f"-p={patch}")


async def test_a_claim_on_its_way_out_is_waited_for_and_its_person_is_told(
    kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = {"type": "dynamic", "capacity": "10Mi"}
    async with lab(kubeconfig, kubectl.namespace, tmp_path, storage=home) as it:
        await it.enter("ada")
        await it.start("ada")
        await it.ready("ada")
        assert await it.ask("DELETE", "ada") in {202, 204}
        await it.stopped("ada")
        await finalizers(kubectl, f'["{FINALIZER}"]', "pvc/claim-ada")
        await asyncio.to_thread(kubectl, "delete", "pvc", "claim-ada", "--wait=false")
        began = now()
        await it.start("ada")
        for language in ("en", "zh"):
            await told(it, sentence("claim-leaving", {"claim": "claim-ada"}, language), language)
        took = now() - began
        assert not await it.pods()
        await finalizers(kubectl, "null", "pvc/claim-ada")
        gone = now()
        await it.ready("ada")
        gone = now() - gone
    show(capsys, f"claim that leaves: told after {took:.1f} s, ready {gone:.1f} s after it")


async def told(it: Lab, words: str, language: str = "en", seconds: float = 30) -> None:
    """Wait until the progress of ada's server says `words`."""
    async with (
        asyncio.timeout(seconds),
        it.client.stream(
            "GET", "/hub/api/users/ada/server/progress", headers={"Accept-Language": language}
        ) as answer,
    ):
        async for line in answer.aiter_lines():
            if words in line or words.encode("unicode_escape").decode() in line:
                return
    pytest.fail(f"the stream ended without {words!r}")


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
        began = now()
        await told(it, sentence("node-lost", {"node": doomed}, "en"))
        explained = now() - began
        assert await it.ask("DELETE", "ada") == 202
        began = now()
        await it.stopped("ada", seconds=FORCED + 15)
        stopped = now() - began
    show(capsys, f"node lost: explained after {explained:.1f} s, stopped after {stopped:.0f} s")


async def test_a_server_whose_node_is_silent_for_a_while_is_the_same_afterwards(
    kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"nodeSelector": {"kubernetes.io/hostname": "n2"}}
    async with lab(kubeconfig, kubectl.namespace, tmp_path, **where) as it:
        await it.enter("ada")
        await it.start("ada")
        await it.ready("ada")
        before = (await it.pods())["jupyter-ada"]["metadata"]["uid"]
        await asyncio.to_thread(parts.stop, "n2-kubelet")
        began = now()
        try:
            await it.until("the node is lost", lambda: ready(kubectl, "n2", "Unknown"), 90)
            lost = now() - began
            await asyncio.sleep(5)
            assert (await it.server("ada"))["ready"], "silent is not stopped"
            assert row(it.data, "jupyter-ada").phase == "running"
        finally:
            await asyncio.to_thread(parts.start, "n2-kubelet")
        await it.until("the node is back", lambda: ready(kubectl, "n2", "True"), 60)
        await asyncio.sleep(5)
        assert (await it.server("ada"))["ready"]
        pod = (await it.pods())["jupyter-ada"]
        assert pod["metadata"]["uid"] == before
        assert "deletionTimestamp" not in pod["metadata"]
    show(capsys, f"node silent: NotReady after {lost:.0f} s, back after {now() - began:.0f} s")


async def ready(kubectl: Kubectl, node: str, status: str) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return await asyncio.to_thread(kubectl, "get", "node", node, f"-ojsonpath={path}") == status
