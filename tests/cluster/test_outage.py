"""The API server is away, in every way there is: nothing that runs is lost, what is asked is kept.

PERIJOVE_BAR=3 makes it long and large; FAULT_SECONDS, RUNNING, STARTS and KILLS say how much.
"""

import asyncio
import os
import re
from pathlib import Path

import pytest

from tests.cluster.chaos.lab import Lab, lab
from tests.cluster.chaos.ordeal import GREEN, Ordeal
from tests.cluster.chaos.verdict import told
from tests.cluster.chaos.witness import now
from tests.cluster.kit import api, parts
from tests.kubernetes.fault_proxy import Fault

BAR = os.environ.get("PERIJOVE_BAR") == "3"
SECONDS = float(os.environ.get("FAULT_SECONDS", "60" if BAR else "38"))
RUNNING = int(os.environ.get("RUNNING", "10"))
STARTS = int(os.environ.get("STARTS", "10" if BAR else "2"))
KILLS = int(os.environ.get("KILLS", "3" if BAR else "1"))
FAULTS = [it for it in Fault if it is not Fault.NONE]
ANSWERS = {Fault.SLOW, Fault.SILENT, Fault.THROTTLED}
"""The API server answers, be it badly: the hub is well."""

pytestmark = pytest.mark.usefixtures("ours")  # its pods are reached from here


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_outage_loses_nothing_and_wishes_are_carried_out_after_it(
    fault: Fault,
    kubeconfig: Path,
    namespace: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with lab(kubeconfig, namespace, tmp_path) as it:
        it.faults.delay = 5.0

        async def be(what: Fault) -> None:
            it.faults.now(what)

        ordeal = Ordeal(
            lab=it,
            begin=lambda: be(fault),
            end=lambda: be(Fault.NONE),
            seconds=SECONDS,
            running=RUNNING,
            starts=STARTS,
            kills=KILLS if fault is Fault.REFUSED else 0,
            red=fault not in ANSWERS,
        )
        told(capsys, None, f"B3: {fault}: {await ordeal.run()}")


async def test_the_api_server_itself_is_stopped(
    kubeconfig: Path, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kubelets and scheduler have to find back as well, so wishes may take longer."""
    async with lab(kubeconfig, namespace, tmp_path) as it:
        it.straight_to(kubeconfig)
        ordeal = Ordeal(
            lab=it, begin=stop, end=start, seconds=60, running=10, starts=STARTS, soon=90
        )
        told(capsys, None, f"B3: stopped: {await ordeal.run()}")


async def stop() -> None:
    await asyncio.to_thread(parts.stop, "apiserver")


async def start() -> None:
    """Start it, and return when it is ready: only then is it back."""
    await asyncio.to_thread(parts.start, "apiserver")
    while not await asyncio.to_thread(api.ready):
        await asyncio.sleep(0.2)


@pytest.mark.smoke
async def test_health_and_gauge_follow_an_outage_to_the_second(
    kubeconfig: Path, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = 60.0 if os.environ.get("PERIJOVE_BAR") == "4" else 33.0
    async with lab(kubeconfig, namespace, tmp_path) as it:
        await it.enter("ada")
        await it.until("the cluster is heard of", lambda: heard(it))
        it.faults.now(Fault.REFUSED)
        began, worst = now(), 0.0
        while now() - began < seconds:
            await asyncio.sleep(1)
            asked = now()
            told_of = began + await silence(it)  # when it was asked, or later: an answer takes time
            worst = max(worst, asked - told_of, told_of - now())
        assert (await it.client.get("/hub/health")).status_code == 503
        assert worst <= 1.0
        it.faults.now(Fault.NONE)
        over = now()
        await it.until("the cluster is heard of", lambda: heard(it), GREEN)
        took = now() - over
        assert (await it.client.get("/hub/health")).status_code == 200
    told(capsys, None, f"B4: well {took:.1f} s after {seconds:.0f} s, gauge within {worst:.1f} s")


async def heard(it: Lab) -> bool:
    return await silence(it) == 0


async def silence(it: Lab) -> float:
    text = (await it.client.get("/hub/metrics")).text
    line = next(line for line in text.splitlines() if re.match(r"\S*place_silence_seconds\b", line))
    return float(line.split()[-1])
