"""Origin: one HTTP server, and the connections to it that are kept."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from perijove.kit.exchange import Broken, Exchange

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
            ValueError: it names no host, or no possible port, or no certificate has such a name.
        """
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url!r} names no host")
        port = parts.port or (_HTTP if context is None else _HTTPS)
        # Found out later, in the middle of a handshake, uvloop closes what is not its own.
        (server_name or parts.hostname).encode("idna")
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
        """Return a new connection, with TLS where it has a context; its addresses in turn.

        Raises:
            OSError: there is none, for want of an answer or of a certificate we trust.
            TimeoutError: nobody answers in time.
        """
        loop = asyncio.get_running_loop()
        name = None if self.context is None else self.server_name or self.host
        async with asyncio.timeout(seconds):
            _, exchange = await loop.create_connection(
                Exchange, self.host, self.port, ssl=self.context, server_hostname=name
            )
        return exchange


class Connections:
    """Connections to one origin; those that are free are kept, the last used is taken first."""

    def __init__(self, origin: Origin, *, limit: int, connect: float, keep: float) -> None:
        self._origin = origin
        self._turn = asyncio.Semaphore(limit)
        self._connect, self._keep = connect, keep
        self._free: list[tuple[Exchange, float]] = []
        self._all: set[Exchange] = set()
        self._closed = False

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
        end has, and the request is sent once more on a new one; so it must do no harm twice. A
        connection is kept if its answer has been read to the end.

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
                    kept = exchange.used > 1
                    if not (again and kept and exchange.silent) or self._closed:
                        raise
                    exchange = await self._made(origin)
                    await exchange.ask(whole)
                yield exchange
            finally:
                if exchange.reusable and origin is self._origin and not self._closed:
                    self._put_back(exchange)
                else:
                    exchange.close()

    async def close(self) -> None:
        """Close them all, and let them go; what runs ends with Broken."""
        self._closed = True
        self._free.clear()
        gone = [it.gone for it in self._all]
        for exchange in tuple(self._all):
            exchange.close()
        if gone:
            await asyncio.wait(gone, timeout=_FAREWELL)

    def _put_back(self, exchange: Exchange) -> None:
        """Keep it; those that nobody has wanted for long are closed: they are in front."""
        now = asyncio.get_running_loop().time()
        self._free.append((exchange, now + self._keep))
        old = sum(until < now for _, until in self._free)
        for gone, _ in self._free[:old]:
            gone.close()
        del self._free[:old]

    def _kept(self) -> Exchange | None:
        now = asyncio.get_running_loop().time()
        while self._free:
            exchange, until = self._free.pop()
            if now < until and not exchange.closed:
                return exchange
            exchange.close()
        return None

    async def _made(self, origin: Origin) -> Exchange:
        if self._closed:
            raise Broken("the connections were closed")
        exchange = await origin.connect(self._connect)
        self._all.add(exchange)
        exchange.gone.add_done_callback(lambda _: self._all.discard(exchange))
        return exchange
