"""Crowds that say half a head or read drop by drop: who behaves is served, memory is bounded.

B23 asks for 20,000 and 1,000: as many come as the descriptors of this machine allow.
"""

import asyncio
import resource
import time
from contextlib import suppress
from pathlib import Path

from tests.bar import ASKED, size
from tests.integration.proxy_parts import Proxy, ok, proxied, read_head

ALLOWED = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
READERS = size(23, 60, 1000)
HALF_OPEN = min(size(23, 600, 20_000), (ALLOWED - 200) // 2 - READERS - 50)
SECONDS = size(23, 5.0, 30.0)
"""In which a head must be here, and for which all this goes on."""
MOST_EACH = 32 * 1024
MOST_EACH_READER = 100 * 1024
MOST_MORE = 200 * 2**20
IN_TIME = 0.1
MUCH = 100_000_000
PIECE = bytes(1 << 20)


async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with far more than anybody reads, or with a word."""
    while True:
        head = await read_head(reader)
        if "/much" not in head:
            writer.write(ok(b"word"))
            continue
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MUCH)
        for _ in range(MUCH // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()


class Crowd:
    """Connections that are open all at once, each from its own port of some address."""

    def __init__(self, proxy: Proxy, head: bytes, drops: bytes) -> None:
        self._proxy = proxy
        self._head = head
        self._drops = drops
        self.ones: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def come(self, count: int) -> None:
        for number in range(count):
            source = f"127.0.{number // 10_000 + 1}.1"
            one = await asyncio.open_connection(
                "127.0.0.1", self._proxy.port, local_addr=(source, 0), limit=1024
            )
            one[1].write(self._head)
            self.ones.append(one)

    async def drip(self) -> None:
        """Say a byte, or read one, again and again."""
        while True:
            for number, (reader, writer) in enumerate(self.ones):
                if self._drops:
                    writer.write(self._drops)
                else:
                    with suppress(TimeoutError, OSError):
                        await asyncio.wait_for(reader.read(1), 0.05)
                if number % 50 == 0:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1)

    def go(self) -> None:
        for _, writer in self.ones:
            writer.transport.abort()


async def behaved(proxy: Proxy, until: float) -> list[float]:
    """Return how long each request takes of somebody who behaves."""
    took = []
    while time.monotonic() < until:
        began = time.perf_counter()
        assert (await proxy.get("/user/ada/word")).endswith(b"word")
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    return sorted(took)


async def test_slow_crowds_hurt_nobody(tmp_path: Path) -> None:
    async with proxied(tmp_path, generous, ("--header-timeout", str(SECONDS))) as (proxy, _):
        await behaved(proxy, time.monotonic() + 0.5)
        before = proxy.rss()
        head = b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\nCookie: " + b"x" * 4000
        half = Crowd(proxy, head, b"x")
        await half.come(HALF_OPEN)
        began = time.monotonic()
        witness = asyncio.create_task(proxy.ask(head, SECONDS + 10))
        assert await proxy.serves()
        each = (proxy.rss() - before) / HALF_OPEN
        assert each <= MOST_EACH
        slow = Crowd(proxy, b"GET /user/ada/much HTTP/1.1\r\nHost: e\r\n\r\n", b"")
        await slow.come(READERS)
        drips = [asyncio.create_task(crowd.drip()) for crowd in (half, slow)]
        took = await behaved(proxy, began + SECONDS + 3)
        late = took[len(took) * 99 // 100]
        more = proxy.rss() - before
        print(  # noqa: T201 - for the page of figures
            f"{HALF_OPEN} half-open of {each / 1024:.1f} KiB, {READERS} slow readers, in all"
            f" {more / 2**20:.0f} MiB more; p50 {took[len(took) // 2] * 1e3:.1f} ms,"
            f" p99 {late * 1e3:.1f} ms of {len(took)}"
        )
        for drip in drips:
            drip.cancel()
        assert late <= IN_TIME or not ASKED
        assert late <= IN_TIME * 20
        assert more <= MOST_MORE
        assert (more - each * HALF_OPEN) / READERS <= MOST_EACH_READER
        assert (await witness).startswith(b"HTTP/1.1 408 ")
        await gone(proxy, half, slow)


async def gone(proxy: Proxy, half: Crowd, slow: Crowd) -> None:
    """See that nobody stays who has gone."""
    half.go()
    slow.go()
    end = time.monotonic() + 30
    while proxy.descriptors() > 40 or len(list(Path("/proc/self/fd").iterdir())) > 100:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
