"""Whatever is sent to a proxy, it logs no traceback, answers no 500 and does not grow."""

import asyncio
import os
import random
import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from tests.chp.process import chp
from tests.integration.proxy_parts import ok, proxied, read_head
from tests.integration.test_proxy_limits import HEADS, sign_in
from tests.integration.test_proxy_pace import rss
from tests.ports import free_port
from tests.vectors.framing import vectors

ROUNDS = int(os.environ.get("PERIJOVE_HOSTILE_ROUNDS", "4"))
AT_ONCE = 60
MOST_GROWTH = 6 * 2**20
FINE = {b"200", b"400", b"404", b"408", b"413", b"414", b"429", b"431", b"502", b"503"}
RESET = struct.pack("ii", 1, 0)
PUT = b"PUT /user/ada/ HTTP/1.1\r\nHost: edge\r\n"
GET = b"GET /user/ada/%d HTTP/1.1\r\nHost: edge\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"


def hostile(rng: random.Random) -> Iterator[bytes]:
    """Generate what no good client sends, and good beginnings that are broken off."""
    yield from (it.at("/user/ada/") for it in vectors("framing-requests.txt"))
    yield from (sent for sent, _, _ in HEADS)
    chunked = PUT + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(10):
        yield rng.randbytes(rng.randrange(1, 5000))
        yield GET % rng.randrange(10**9) + b"\r\n"
        yield (GET % 1 + b"\r\n") * 50
        yield GET % 2 + b"X: " + rng.randbytes(200) + b"\r\n\r\n"
        yield GET % 3 + UPGRADE + rng.randbytes(300)
        yield PUT + b"Content-Length: 1000000\r\n\r\n" + bytes(rng.randrange(300_000))
        yield PUT + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        yield PUT + b"Content-Length: %d\r\n\r\n" % 10 ** rng.randrange(10, 25)
        yield chunked + b"1;" + b"x" * rng.randrange(6000)
        yield chunked + b"1\r\nx\r\n" * 500
        yield chunked + b"0\r\n" + b"X: y\r\n" * 4000
        yield sign_in(f"X-Forwarded-For: 198.51.{rng.randrange(256)}.{rng.randrange(256)}")
        yield sign_in("X-Forwarded-For: " + "1.2.3.4, " * 3000 + "::1")
        yield b"\r\n" * rng.randrange(100_000)
        yield GET % 4 + b"Cookie: " + b"a" * rng.randrange(60_000)
        yield b"POST /api/routes/x HTTP/1.1\r\nHost: x\r\nAuthorization: token \xff\r\n\r\n{"
        for query in (b"", b"?inactive_since=%00%ff", b"/%", b"/x?&&==;"):
            yield b"GET /api/routes" + query + b" HTTP/1.1\r\nAuthorization: token t0ken\r\n\r\n"
        yield b"GET /_chp_healthz HTTP/1.0\r\n\r\n"
        yield b""


ANSWERS = [
    ok(b"fine", "Connection: close"),
    b"HTTP/1.1 200 OK\r\n\r\nendless",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 204 Fine\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    b"HTTP/1.1 999 \xff\r\n\r\n",
    b"\x00" * 1000,
    b"",
]


async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as no good server does, and leave."""
    with suppress(EOFError, asyncio.LimitOverrunError):
        await read_head(reader)
    writer.write(random.choice(ANSWERS))
    await writer.drain()
    await asyncio.sleep(0.01)
    if random.random() < 0.3:
        reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def throw(port: int, sent: bytes, way: float, seen: set[bytes]) -> None:
    """Send it in one of many ways; note the status of what comes back first."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            middle = int(len(sent) * way)
            writer.write(sent[:middle])
            await asyncio.sleep(way / 20)
            writer.write(sent[middle:])
            if way < 0.1:
                writer.write_eof()
            elif way > 0.8:  # hear nothing of it
                return
            async with asyncio.timeout(0.4):
                line = await reader.readline()
                if line:
                    seen.add(line.split(b" ")[1])
                await reader.read()
        finally:
            reset(writer) if way > 0.5 else writer.close()


async def storm(rng: random.Random, *ports: int) -> set[bytes]:
    """Throw all of it at every port, many at once; return the statuses that were seen."""
    seen, busy = set[bytes](), asyncio.Semaphore(AT_ONCE)

    async def one(port: int, sent: bytes) -> None:
        async with busy:
            await throw(port, sent, rng.random(), seen)

    await asyncio.gather(*(one(port, sent) for sent in hostile(rng) for port in ports))
    return seen


async def gauge(port: int, name: str) -> int:
    """Return what the metrics say of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return int(text.split(f"\nperijove_proxy_{name} ")[1].split()[0])


async def held(pid: int, metrics: int) -> int:
    """Return how many descriptors it has, but for connections to targets that it may keep."""
    idle = await gauge(metrics, "idle_upstreams")
    return len(list(Path(f"/proc/{pid}/fd").iterdir())) - idle


async def stays_as_it_is(pid: int, metrics: int, *ports: int) -> set[bytes]:
    """Storm again and again; fail if memory grows or descriptors do not come back."""
    rng, before = random.Random(6), await held(pid, metrics)
    seen = await storm(rng, *ports)
    warm = rss(pid)
    for _ in range(ROUNDS - 1):
        seen |= await storm(rng, *ports)
    end = time.monotonic() + 20
    while await held(pid, metrics) > before or await gauge(metrics, "connections"):
        assert time.monotonic() < end, f"{await held(pid, metrics)} held, {before} before"
        await asyncio.sleep(0.1)
    assert rss(pid) - warm < MOST_GROWTH, f"{(rss(pid) - warm) / 2**20:.1f} MiB more"
    return seen


async def test_our_proxy_is_none_the_worse_for_hostile_clients_and_servers(tmp_path: Path) -> None:
    metrics = free_port()
    more = ("--metrics-port", str(metrics), "--activity-interval", "0.2")
    async with proxied(tmp_path, rude, more) as (proxy, hub):
        while not hub.reports:  # so that its connections to the hub are all there
            with suppress(OSError):  # an answer that breaks off is passed on as one
                await proxy.get("/user/ada/")
        seen = await stays_as_it_is(proxy.pid, metrics, proxy.port)
        assert {b"200", b"400", b"414", b"431", b"502"} <= seen <= FINE | {b"101", b"204", b"100"}
        assert await proxy.serves()
        assert " ERROR " not in proxy.said()


async def test_the_proxy_with_an_api_is_none_the_worse_either(tmp_path: Path) -> None:
    metrics = free_port()
    more = ("--metrics-ip", "127.0.0.1", "--metrics-port", str(metrics))
    async with chp(tmp_path, "--default-target", "http://127.0.0.1:1", *more) as it:
        seen = await stays_as_it_is(it.process.pid, metrics, it.port, it.api_port, metrics)
        assert {b"200", b"400", b"403", b"404", b"414", b"503"} <= seen <= FINE | {b"403", b"405"}
        assert (await it.web.get("/_chp_healthz")).status_code == 200
        assert list(await it.routes()) == ["/"]
        assert " ERROR " not in it.said()


async def test_without_descriptors_it_waits_quietly_and_goes_on_when_there_are_some(
    tmp_path: Path,
) -> None:
    async with chp(tmp_path) as it:
        pid = it.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (40, hard))
        waiting = []
        for _ in range(100):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", it.port)
                writer.write(GET % 1)
                waiting.append(writer)
        before = processor(pid)
        await asyncio.sleep(1)
        assert processor(pid) - before < 0.5, "it is not busy with what it cannot do"
        for writer in waiting:
            writer.transport.abort()
        end = time.monotonic() + 20
        while True:
            with suppress(httpx.TransportError):
                if (await it.web.get("/_chp_healthz")).status_code == 200:
                    break
            assert time.monotonic() < end, it.said()
            await asyncio.sleep(0.1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def processor(pid: int) -> float:
    """Return the seconds of a processor that it has had."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
