"""`perijove proxy` on a data directory: lean, and never twice."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from perijove.cli.box import Box, Ports
from tests.integration.proxy_parts import Hub, Proxy, free_port, serving

PROGRAM = """
import sys
from argparse import Namespace
from pathlib import Path
from perijove.cli.proxy import command
command(Namespace(data=Path(sys.argv[1]), file=None))
"""


async def start(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(folder)), stderr=asyncio.subprocess.PIPE
    )


async def test_a_data_directory_has_one_proxy_and_it_is_small(tmp_path: Path) -> None:
    box = Box.at(tmp_path / "data")
    await asyncio.to_thread(box.ready)
    hub = Hub(0)
    async with serving(hub) as hub.port:
        await asyncio.to_thread(box.keep, Ports(public=free_port(), hub=hub.port))
        hub.token = box.secret("proxy-token")
        process = await start(box.path)
        proxy = Proxy(box.ports().public, hub.port, tmp_path, process=process)
        try:
            end = time.monotonic() + 10
            while not (box.routes.exists() and await proxy.serves()):
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            assert proxy.rss() <= 30 * 2**20
            assert json.loads(box.routes.read_text())["version"] == hub.version
            second = await start(box.path)
            _, said = await asyncio.wait_for(second.communicate(), 10)
            assert second.returncode == 1
            assert said.decode().startswith("A proxy already runs on ")
            assert f"(process {process.pid})" in said.decode()
            assert await proxy.end() == 0
        finally:
            await proxy.end(signal.SIGKILL)
