"""`perijove proxy` on a data directory: lean, and never twice."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from perijove.cli.box import Box, Ports
from tests.integration.proxy_parts import Hub, Proxy, serving
from tests.ports import free_port


async def start(folder: Path, *more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perijove.cli", "proxy", "--data", str(folder), *more),
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
def box(tmp_path: Path) -> Box:
    it = Box.at(tmp_path / "data")
    it.ready()
    it.keep(Ports(public=free_port(), hub=free_port()))
    return it


@pytest.fixture
def parts(box: Box, tmp_path: Path) -> tuple[Hub, Proxy]:
    ports = box.ports()
    hub = Hub(ports.hub, token=box.secret("proxy-token"))
    return hub, Proxy(ports.public, ports.hub, tmp_path)


async def test_a_data_directory_has_one_proxy_and_it_is_small(
    box: Box, parts: tuple[Hub, Proxy]
) -> None:
    hub, proxy = parts
    async with serving(hub, hub.port):
        process = proxy.process = await start(box.path)
        try:
            end = time.monotonic() + 40
            while not (box.routes.exists() and await proxy.serves()):
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            assert proxy.rss() <= 30 * 2**20
            assert (
                json.loads(await asyncio.to_thread(box.routes.read_text))["version"] == hub.version
            )
            second = await start(box.path)
            _, said = await asyncio.wait_for(second.communicate(), 40)
            assert second.returncode == 1
            assert said.decode().startswith("A proxy already runs on ")
            assert f"(process {process.pid})" in said.decode()
            assert await proxy.end() == 0
        finally:
            await proxy.end(signal.SIGKILL)


async def test_several_processes_hold_it_as_one(box: Box, parts: tuple[Hub, Proxy]) -> None:
    hub, proxy = parts
    async with serving(hub, hub.port):
        process = proxy.process = await start(box.path, "--workers", "2")
        try:
            assert process.stderr is not None
            async with asyncio.timeout(20):
                while b"worker-serves" not in (said := await process.stderr.readline()):
                    assert said, "it has ended"
            pid = int(said.rpartition(b"=")[2])
            proxy.process.send_signal(signal.SIGSTOP)
            assert await proxy.serves()
            proxy.process.send_signal(signal.SIGCONT)
            assert await proxy.end() == 0
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        finally:
            await proxy.end(signal.SIGKILL)
