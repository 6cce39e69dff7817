"""A real `perijove-proxy`, and what asks it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

TOKEN = "t0ken"
COMMAND = (sys.executable, "-W", "error", "-W", "always::ResourceWarning",
           "-m", "perijove.proxy.chp")  # fmt: skip


class Chp:
    """One process; `api` talks to its API, `web` to what it is a proxy for."""

    def __init__(self, folder: Path, *more: str, token: str = TOKEN) -> None:
        self.port, self.api_port = free_port(), free_port()
        self.folder = folder
        self.more = more
        self.token = token
        self.process: Any = None
        headers = {"authorization": f"token {token.split(',', maxsplit=1)[0]}"} if token else {}
        self.api = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.api_port}", headers=headers, timeout=20
        )
        self.web = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    @property
    def places(self) -> tuple[str, ...]:
        return ("--ip", "127.0.0.1", "--port", str(self.port),
                "--api-ip", "127.0.0.1", "--api-port", str(self.api_port))  # fmt: skip

    async def start(self, places: tuple[str, ...] | None = None) -> None:
        environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": self.token}
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *COMMAND, *(self.places if places is None else places), *self.more,
                env=environment, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + 40
        while "serving" not in self.said():
            assert self.process.returncode is None, self.said()
            assert time.monotonic() < end, "it does not serve"
            await asyncio.sleep(0.02)

    def said(self) -> str:
        return (self.folder / "log").read_text()

    async def add(self, path: str, target: str | int, **data: Any) -> httpx.Response:
        url = f"http://127.0.0.1:{target}" if isinstance(target, int) else target
        answer = await self.api.post(f"/api/routes{path}", json={"target": url, **data})
        assert answer.status_code == 201, answer.text
        return answer

    async def routes(self, query: str = "") -> dict[str, Any]:
        """Return them. As JupyterHub does, ask again where one is about to go, or has just gone."""
        end = time.monotonic() + 20
        while True:
            with suppress(httpx.TransportError):
                answer = await self.api.get(f"/api/routes{query}")
                if answer.status_code != 503 or time.monotonic() > end:
                    break
            assert time.monotonic() < end, self.said()
            await asyncio.sleep(0.1)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        await self.api.aclose()
        await self.web.aclose()
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Return its exit code, once it has ended by itself: a second order would be the last."""
        return int(await asyncio.wait_for(self.process.wait(), 40))


@asynccontextmanager
async def chp(folder: Path, *more: str, token: str = TOKEN) -> AsyncIterator[Chp]:
    """Run one, and see that it has told of nothing it should have dealt with."""
    it = Chp(folder, *more, token=token)
    await it.start()
    try:
        yield it
        assert await it.end() == 2
        assert "Traceback" not in it.said()
        assert "ResourceWarning" not in it.said()
    finally:
        if it.process.returncode is None:
            await it.end(signal.SIGKILL)


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the process of one that should not start."""
    return subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
