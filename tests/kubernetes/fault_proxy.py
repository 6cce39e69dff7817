"""A proxy between the hub and an API server that fails on command, in one of six ways.

    async with FaultProxy.before(access, tmp_path) as proxy:
        hub = ... proxy.kubeconfig ...
        with proxy.fault(Fault.SILENT):
            ...

It ends TLS on our side with a certificate of its own (proxy.kubeconfig trusts it), and passes
the credentials of the client on as they are: give it a token, for a client certificate ends here.
"""

import asyncio
import json
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import yaml

from perijove.spawners.kubernetes.credentials import Shown
from perijove.spawners.kubernetes.kubeconfig import Access
from tests.kubernetes.authority import Authority

_READ = 65_536
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Fault(StrEnum):
    """What is wrong with the API server."""

    NONE = "none"
    REFUSED = "refused"  # nobody listens, and what was open is reset
    UNAVAILABLE = "unavailable"  # 503 at once; watches are cut
    THROTTLED = "throttled"  # 429 with Retry-After; watches stay
    TIMEOUT = "timeout"  # requests are taken and never answered; watches are as if frozen
    SLOW = "slow"  # every answer takes `delay` seconds longer
    SILENT = "silent"  # open watches and new ones stay open, and nothing comes of them


@dataclass
class Head:
    """The head of a request, and how long its body is."""

    raw: bytes
    method: str
    target: str
    length: int

    @property
    def watch(self) -> bool:
        return "watch=" in self.target


@dataclass
class FaultProxy:
    """One address; everything that it does wrong can be changed at any time."""

    access: Access
    certificate: ssl.SSLContext
    upstream: ssl.SSLContext | None
    retry_after: int = 1
    delay: float = 2.0
    port: int = 0
    kubeconfig: Path = Path()
    counted: dict[str, int] = field(default_factory=dict[str, int])
    """Requests by what became of them: the name of the fault, or "none"."""
    _fault: Fault = Fault.NONE
    _listener: socket.socket | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def before(cls, access: Access, folder: Path) -> AsyncIterator["FaultProxy"]:
        """Run one before the API server of `access`; writes a kubeconfig into `folder`."""
        authority = await asyncio.to_thread(Authority)
        shown = await access.credentials.show()
        context = await asyncio.to_thread(_upstream, access, shown)
        certificate = await asyncio.to_thread(authority.server)
        proxy = cls(access, certificate, context)
        proxy._listen()
        proxy.kubeconfig = folder / "through-the-proxy.kubeconfig"
        tree = _kubeconfig(proxy.port, authority.pem, access.namespace, shown)
        await asyncio.to_thread(proxy.kubeconfig.write_text, yaml.safe_dump(tree))
        try:
            yield proxy
        finally:
            await proxy._hang_up()

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Be wrong in this way while the block runs. Give the loop a turn before you look."""
        self.now(fault)
        try:
            yield
        finally:
            self.now(Fault.NONE)

    def now(self, fault: Fault) -> None:
        """Be wrong in this way from now on."""
        if self._fault is Fault.REFUSED and fault is not Fault.REFUSED:
            self._listen()
        self._fault = fault
        if fault is Fault.REFUSED:
            self._listen_no_more()
        if fault in {Fault.REFUSED, Fault.UNAVAILABLE}:
            for task in self._tasks:
                task.cancel()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _listen(self) -> None:
        """Accept by ourselves: Python 3.11 forgets who knocks while its own server closes."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._listener.setblocking(False)  # noqa: FBT003 - so the socket has it
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _listen_no_more(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError):
            connection, _ = listener.accept()
            connection.setblocking(False)  # noqa: FBT003 - so the socket has it
            task = self._begin(self._serve(connection))
            task.add_done_callback(partial(_close, connection))

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _hang_up(self) -> None:
        self._listen_no_more()
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.25)  # TLS says good-bye on both sides

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self.certificate
            )
            try:
                await self._connection(
                    reader, asyncio.StreamWriter(transport, protocol, reader, loop)
                )
            finally:
                transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, on one connection to the API server."""
        back: Streams | None = None
        try:
            while True:
                head = await _head(reader)
                body = await reader.readexactly(head.length)
                if self._fault is Fault.REFUSED:
                    return
                self.counted[self._fault] = self.counted.get(self._fault, 0) + 1
                if await self._failed(head, writer):
                    continue
                if back is None or back[1].is_closing():
                    back = await self._whole(self._dial())
                back[1].write(head.raw + body)
                await self._pass_on(head, back[0], writer)
        finally:
            if back is not None:
                back[1].transport.abort()

    async def _whole(self, dialling: Coroutine[None, None, Streams]) -> Streams:
        """Return what has been dialled; who is cancelled meanwhile leaves nothing half open."""
        dial = asyncio.create_task(dialling)
        try:
            return await asyncio.shield(dial)
        except asyncio.CancelledError:
            with suppress(OSError):
                (await dial)[1].transport.abort()
            raise

    async def _failed(self, head: Head, writer: asyncio.StreamWriter) -> bool:
        """Do what is wrong now; return whether that was the answer."""
        match self._fault:
            case Fault.UNAVAILABLE:
                writer.write(_status(503, "ServiceUnavailable"))
                return True
            case Fault.THROTTLED:
                writer.write(_status(429, "TooManyRequests", self.retry_after))
                return True
            case Fault.TIMEOUT:
                while self._fault is Fault.TIMEOUT:
                    await self._changed.wait()
                raise EOFError
            case Fault.SLOW:
                await asyncio.sleep(self.delay)
            case Fault.SILENT if head.watch:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                await asyncio.Event().wait()
        return False

    async def _dial(self) -> Streams:
        url = urlsplit(self.access.server)
        name = self.access.trust.server_name or None
        port = url.port or (443 if self.upstream else 80)
        return await asyncio.open_connection(
            url.hostname,
            port,
            ssl=self.upstream,
            server_hostname=name if self.upstream else None,
            limit=2**24,
        )

    async def _pass_on(
        self, head: Head, back: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass one answer on: as long as it says, or in chunks."""
        answer = await back.readuntil(b"\r\n\r\n")
        writer.write(answer)
        fields = _fields(answer)
        if "chunked" in fields.get("transfer-encoding", ""):
            while await self._chunk(head, back, writer):
                pass
        left = int(fields.get("content-length", 0))
        while left:
            part = await back.read(min(left, _READ))
            if not part:
                raise EOFError
            left -= len(part)
            writer.write(part)
            await writer.drain()

    async def _chunk(
        self, head: Head, back: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Pass a chunk on, unless the watch is to be silent; what it would have said is lost."""
        size = await back.readline()
        if not size:
            raise EOFError
        data = await back.readexactly(int(size, 16) + 2)
        if head.watch and self._fault in {Fault.SILENT, Fault.TIMEOUT}:
            await asyncio.Event().wait()  # for good: a stream with a hole in it would be a lie
        writer.write(size + data)
        await writer.drain()
        return int(size, 16) > 0


def _close(connection: socket.socket, _: asyncio.Task[None]) -> None:
    """Close what a task was to serve; it may have been cancelled before it began."""
    connection.close()


def _upstream(access: Access, shown: Shown) -> ssl.SSLContext | None:
    return access.trust.context(shown.pair) if access.server.startswith("https:") else None


def _kubeconfig(port: int, authorities: str, namespace: str, shown: Shown) -> dict[str, object]:
    token = shown.header.removeprefix("Bearer ")
    data = b64encode(authorities.encode()).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": data}
    context = {"cluster": "proxy", "user": "proxy", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": cluster}],
        "users": [{"name": "proxy", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "proxy", "context": context}],
    }


def _status(code: int, reason: str, retry_after: int | None = None) -> bytes:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    text = json.dumps(body | {"reason": reason, "message": "by the fault proxy"}).encode()
    after = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
    fields = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n{after}"
    return f"HTTP/1.1 {code} {reason}\r\n{fields}\r\n".encode() + text


async def _head(reader: asyncio.StreamReader) -> Head:
    raw = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = raw.split(b"\r\n", 1)[0].decode().split(" ")
    return Head(raw, method, target, int(_fields(raw).get("content-length", 0)))


def _fields(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}
