"""A real proxy in a process of its own, a stand-in for the hub, and upstreams of every kind."""

import asyncio
import json
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection

from perijove.proxy.table import Entries, checksum
from tests.ports import free_port

TOKEN = "t0ken-of-a-proxy"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """Run `handler` for each connection; give the port."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", port, limit=1 << 20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)


async def read_head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Read a request with a body of known size or in chunks (as sent)."""
    head = await read_head(reader)
    size = re.search(r"(?i)\ncontent-length: *(\d+)", head)
    if size:
        return head, await reader.readexactly(int(size[1]))
    if re.search(r"(?i)\ntransfer-encoding: *chunked", head):
        return head, await reader.readuntil(b"\r\n\r\n")
    return head, b""


def bare(said: bytes) -> bytes:
    """Return answers without the ids of their requests, which nobody can know before."""
    return re.sub(rb"X-Request-ID: [0-9a-f]{8}-[0-9]+\r\n", b"", said)


def ok(body: bytes, *more: str) -> bytes:
    fields = "".join(f"{line}\r\n" for line in more)
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with itself."""
    while True:
        head, body = await read_request(reader)
        writer.write(ok(head.encode("latin-1") + body))
        await writer.drain()


async def echo(connection: ServerConnection) -> None:
    """Send every WebSocket message back."""
    async for message in connection:
        await connection.send(message)


def telling(handler: Handler, asked: asyncio.Event) -> Handler:
    """Return what does as `handler` does, and says when somebody has come."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await handler(reader, writer)

    return answer


def trickle(pieces: int, seconds: float) -> Handler:
    """Return an upstream that answers with so many letters, each after a while."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {pieces}\r\n\r\n".encode())
        for _ in range(pieces):
            await asyncio.sleep(seconds)
            writer.write(b"x")

    return answer


@dataclass
class Hub:
    """The hub's side of the feed, over real HTTP, in the shapes of the wire."""

    port: int
    token: str = TOKEN
    version: int = 1
    entries: Entries = field(default_factory=dict)
    deltas: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    reports: list[dict[str, str]] = field(default_factory=list)
    apologies: list[str] = field(default_factory=list)
    """The heads of requests for the page of an error."""
    deaf: bool = False
    lie: bool = False
    """Send one wrong checksum."""
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def change(self, put: dict[str, int], gone: tuple[str, ...] = ()) -> None:
        async with self._news:
            fresh = {p: {"target": f"http://127.0.0.1:{n}", "data": {}} for p, n in put.items()}
            before, self.version = self.version, self.version + 1
            self.entries = {p: e for p, e in {**self.entries, **fresh}.items() if p not in gone}
            self.deltas[before] = {"after": before, "set": fresh, "removed": list(gone)}
            self._news.notify_all()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            method, url, _ = head.split(" ", 2)
            if url.startswith("/hub/api/") and f"Authorization: token {self.token}" not in head:
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            elif url.startswith("/hub/api/proxy/feed"):
                self.asked.append(url)
                writer.write(ok(json.dumps(await self._feed(url)).encode()))
            elif url == "/hub/api/proxy/activity" and method == "POST":
                if self.deaf:
                    writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
                else:
                    self.reports.append(json.loads(body)["routes"])
                    writer.write(ok(b""))
            elif url.startswith("/hub/error/503"):
                self.apologies.append(head)
                writer.write(ok(f"<p>hub says 503 for {url}".encode(), "Content-Type: text/html"))
            else:
                writer.write(ok(b"hub:" + head.encode("latin-1") + body))
            await writer.drain()

    async def _feed(self, url: str) -> dict[str, Any]:
        after = int(url.partition("after=")[2] or -1)
        digest = checksum(self.entries)
        async with self._news:
            if after == self.version:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 20)
                digest = checksum(self.entries)
                if self.lie:
                    self.lie, digest = False, "0" * 64
            if after == self.version or after in self.deltas:
                delta = self.deltas.get(after, {"after": after, "set": {}, "removed": []})
                if after == self.version - 1 or after == self.version:
                    return {"version": self.version, "checksum": digest, **delta}
            return {"version": self.version, "checksum": digest, "routes": self.entries}


@dataclass
class Proxy:
    """A proxy process."""

    port: int
    hub_port: int
    folder: Path
    more: tuple[str, ...] = ()
    module: str = "perijove.proxy"
    process: Any = None
    log: str = ""
    tls: ssl.SSLContext | None = None
    """With which it is spoken to."""

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    async def start(self) -> None:
        (self.folder / "token").write_text(TOKEN)
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-W", "always::ResourceWarning"),
                *("-m", self.module, "--ip", "127.0.0.1"),
                *("--port", str(self.port), "--hub", f"http://127.0.0.1:{self.hub_port}"),
                *("--token-file", str(self.folder / "token")),
                *("--table", str(self.folder / "routes.json"), *self.more),
                stderr=log,
            )
        end = time.monotonic() + 40
        while not await self.serves():
            assert self.process.returncode is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "the proxy does not serve"
            await asyncio.sleep(0.01)

    async def serves(self) -> bool:
        try:
            answer = await self.ask(b"GET /_chp_healthz HTTP/1.0\r\n\r\n")
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200")

    async def ask(self, request: bytes, seconds: float = 20) -> bytes:
        """Send bytes, half-close nothing, return all that comes until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        try:
            writer.write(request)
            async with asyncio.timeout(seconds):
                return await reader.read()
        finally:
            writer.close()

    async def get(self, path: str, *more: str) -> bytes:
        fields = "".join(f"{line}\r\n" for line in more)
        head = f"GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{fields}\r\n"
        return await self.ask(head.encode("latin-1"))

    async def knows(self, path: str, *, by: bytes, seconds: float = 20) -> None:
        """Wait until `path` is answered by somebody who says `by`."""
        end = time.monotonic() + seconds
        while by not in await self.get(path):
            assert time.monotonic() < end, (self.folder / "log").read_text()
            await asyncio.sleep(0.01)

    def rss(self) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) * 1024

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def said(self) -> str:
        return (self.folder / "log").read_text()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(how)
        return int(await self.process.wait())


@asynccontextmanager
async def proxied(
    folder: Path,
    upstream: Handler = mirror,
    more: tuple[str, ...] = (),
    tls: ssl.SSLContext | None = None,
    module: str = "perijove.proxy",
) -> AsyncIterator[tuple[Proxy, Hub]]:
    """Run a hub stand-in, `upstream` behind /user/ada/ and a proxy that knows it."""
    hub = Hub(0)
    async with serving(hub) as hub.port, serving(upstream) as port:
        target = f"http://127.0.0.1:{port}"
        hub.entries = {"/user/ada/": {"target": target, "data": {"user": "ada"}}}
        proxy = Proxy(free_port(), hub.port, folder, more, module, tls=tls)
        await proxy.start()
        try:
            end = time.monotonic() + 20
            while not any("after=" in url for url in hub.asked):
                assert time.monotonic() < end, proxy.said()
                await asyncio.sleep(0.01)
            yield proxy, hub
            await asyncio.wait_for(proxy.end(), 40)
            assert "Traceback" not in proxy.said()
            assert "ResourceWarning" not in proxy.said()
        finally:
            await proxy.end(signal.SIGKILL)
