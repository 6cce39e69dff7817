"""Origin: one HTTP server, and the connections to it that are kept."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from perijove.kit.exchange import Exchange

_HTTP, _HTTPS = 80, 443
_FAREWELL = 1.0
"""Seconds for closed connections to be gone."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server is reached."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    """None: without TLS."""
    server_name: str = ""
    """The name in its certificate; '' is its host."""

    @classmethod
    def of(cls, url: str, context: ssl.SSLContext | None = None, server_name: str = "") -> "Origin":
        """Return the origin of an http or https URL, whose path is left out.

        Raises:
            ValueError: it names no host, or no possible port.
        """
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url!r} names no host")
        port = parts.port or (_HTTP if context is None else _HTTPS)
        return cls(parts.hostname, port, context, server_name)

    @property
    def netloc(self) -> str:
        """Return host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """Return the value of Host: no port where it is the usual one."""
        usual = _HTTP if self.context is None else _HTTPS
        return self.netloc.removesuffix(f":{usual}")

    async def connect(self, seconds: float) -> Exchange:
        """Return a new connection; `seconds` are for TCP alone.

        Raises:
            OSError: there is none, for want of an answer or of a certificate we trust.
            TimeoutError: nobody answers in time.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            sock = await self._socket(seconds)
        name = None if self.context is None else self.server_name or self.host
        try:
            _, exchange = await loop.create_connection(
                Exchange, sock=sock, ssl=self.context, server_hostname=name
            )
        except BaseException:
            sock.close()
            raise
        return exchange

    async def _socket(self, seconds: float) -> socket.socket:
        """Return a socket to the first address that answers, each with its share of the time."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        problem: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(0)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(seconds / len(found)):
                    await loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise problem


class Connections:
    """Connections to one origin; those that are free are kept, the last used is taken first."""

    def __init__(self, origin: Origin, *, limit: int, connect: float, keep: float) -> None:
        self._origin = origin
        self._turn = asyncio.Semaphore(limit)
        self._connect, self._keep = connect, keep
        self._free: list[tuple[Exchange, float]] = []
        self._all: set[Exchange] = set()

    @property
    def origin(self) -> Origin:
        """Return where they go."""
        return self._origin

    def move(self, origin: Origin) -> None:
        """Go to `origin` from now on; what runs is finished on the connection that it has."""
        self._origin = origin
        for exchange, _ in self._free:
            exchange.close()
        self._free.clear()

    @asynccontextmanager
    async def answer(self, whole: bytes, *, again: bool) -> AsyncIterator[Exchange]:
        """Send a request; yield the connection, with the status of its answer.

        `again`: a kept connection that ends without a word was kept for longer than its other
        end has, and the request is sent once more on a new one. A connection is kept if its
        answer has been read to the end.

        Raises:
            OSError, TimeoutError: as `Origin.connect`; it ended before its answer did.
        """
        async with self._turn:
            origin = self._origin
            exchange = self._kept() or await self._made(origin)
            try:
                try:
                    await exchange.ask(whole)
                except ConnectionError:
                    if not again or exchange.used == 1 or not exchange.silent:
                        raise
                    exchange = await self._made(origin)
                    await exchange.ask(whole)
                yield exchange
            finally:
                if exchange.reusable and origin is self._origin:
                    now = asyncio.get_running_loop().time()
                    self._free.append((exchange, now + self._keep))
                else:
                    exchange.close()

    async def close(self) -> None:
        """Close them all, and let them go."""
        self._free.clear()
        gone = [it.gone for it in self._all]
        for exchange in tuple(self._all):
            exchange.close()
        if gone:
            await asyncio.wait(gone, timeout=_FAREWELL)

    def _kept(self) -> Exchange | None:
        now = asyncio.get_running_loop().time()
        while self._free:
            exchange, until = self._free.pop()
            if now < until and not exchange.closed:
                return exchange
            exchange.close()
        return None

    async def _made(self, origin: Origin) -> Exchange:
        exchange = await origin.connect(self._connect)
        self._all.add(exchange)
        exchange.gone.add_done_callback(lambda _: self._all.discard(exchange))
        return exchange
