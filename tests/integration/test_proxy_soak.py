"""Clients and servers that give up in the middle of anything leave nothing behind in the proxy."""

import asyncio
import json
import random
import signal
import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.bar import size
from tests.integration.counted_proxy import FILE
from tests.integration.proxy_parts import Proxy, ok, proxied, read_head

SECONDS = size(23, 20.0, 600.0)
ACTORS = 24
MOST_GROWTH = 12 * 2**20
SEED = 6
UPGRADED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAME = b"\x82\x7e\xff\xff" + bytes(65_535)
SAYS = {
    "nothing": b"",
    "half-a-head": b"HTTP/1.1 200 OK\r\nContent-",
    "half-a-body": SIZED + bytes(1000),
    "half-a-chunk": CHUNKED + b"5\r\nhel",
    "no-last-chunk": CHUNKED + b"5\r\nhello\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5000),
    "early": b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!",
    "nonsense": b"nonsense\r\n\r\n",
    "much": SIZED + bytes(2_000_000),
    "chunks": CHUNKED + (b"2000\r\n" + bytes(0x2000) + b"\r\n") * 200 + b"0\r\n\r\n",
    "frames": UPGRADED + FRAME * 20,
    "half-a-frame": UPGRADED + FRAME + FRAME[:1000],
}


def cut(writer: asyncio.StreamWriter, dice: random.Random) -> None:
    """End the connection, with a FIN or with a RST."""
    if dice.random() < 0.5:
        sock = writer.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer, or give up in the way that the path names."""
    dice = random.Random()
    while True:
        head = await read_head(reader)
        name = head.split(" ", 2)[1].rpartition("/")[2]
        if name in SAYS:
            await asyncio.sleep(dice.choice((0, 0, 0.02, 0.2)))
            writer.write(SAYS[name])
            with suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.5)
            await asyncio.sleep(dice.choice((0, 0, 0.02, 0.2)))
            cut(writer, dice)
            return
        if name == "deaf":
            writer.write(SAYS["early"])
            await asyncio.sleep(3600)
        if "content-length" in head.lower():
            await reader.readexactly(100)
        writer.write(ok(name.encode()))
        await writer.drain()


class Actor:
    """Asks and gives up, again and again."""

    def __init__(self, proxy: Proxy, number: int, met: Counter[str]) -> None:
        self._proxy = proxy
        self._dice = random.Random(SEED * 1000 + number)
        self._met = met

    async def run(self, over: asyncio.Event) -> None:
        ways = (self._half_a_head, self._half_a_body, self._reader, self._socket, self._well)
        while not over.is_set():
            way = self._dice.choice(ways)
            self._met[way.__name__] += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
            with suppress(OSError, EOFError, TimeoutError):
                await asyncio.wait_for(way(reader, writer), 5)
            cut(writer, self._dice)

    def _path(self) -> str:
        return f"/user/ada/{self._dice.choice([*SAYS, 'x'])}"

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.choice((0, 0, 0.01, 0.1)))

    async def _half_a_head(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = f"GET {self._path()} HTTP/1.1\r\nHost: e\r\nCookie: a\r\n\r\n" * 3
        writer.write(text[: self._dice.randint(0, len(text))].encode())
        await self._pause()

    async def _half_a_body(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framing, part = self._dice.choice(
            (("Content-Length: 500000", bytes(200_000)), ("Content-Length: 9", b"1"),
             ("Transfer-Encoding: chunked", b"ffff\r\n" + bytes(9)),
             ("Content-Length: 9\r\nExpect: 100-continue", b""))
        )  # fmt: skip
        writer.write(f"POST {self._path()} HTTP/1.1\r\nHost: e\r\n{framing}\r\n\r\n".encode())
        writer.write(part)
        await writer.drain()
        await self._pause()

    async def _reader(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET {self._path()} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
        if self._dice.random() < 0.2:
            writer.write_eof()
        if self._dice.random() < 0.8:
            await reader.read(self._dice.choice((1, 1000, 100_000)))
        await self._pause()

    async def _socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"/user/ada/{self._dice.choice(('frames', 'half-a-frame', 'x', 'nothing'))}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: e\r\n{UPGRADE}\r\n".encode())
        if self._dice.random() < 0.7:
            await reader.read(self._dice.choice((1, 1000, 100_000)))
        writer.write(FRAME[: self._dice.choice((1, 3, 5000))])
        await self._pause()

    async def _well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = f"n{self._dice.randrange(10**9)}"
        for _ in range(5):
            head = f"POST /user/ada/{name} HTTP/1.1\r\nHost: e\r\nContent-Length: 100\r\n\r\n"
            writer.write(head.encode() + bytes(100))
            said = await reader.readuntil(b"\r\n\r\n")
            if said.startswith(b"HTTP/1.1 503"):  # a kept connection that had just been closed
                self._met["closed"] += 1
                return
            assert said.startswith(b"HTTP/1.1 200"), said
            assert await reader.readexactly(len(name)) == name.encode()
            self._met["answered"] += 1


async def counted(proxy: Proxy) -> dict[str, int]:
    """Return what is alive in the proxy."""
    file = proxy.folder / FILE
    file.unlink(missing_ok=True)
    proxy.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    found: dict[str, int] = json.loads(file.read_text())
    return {**found, "descriptors": proxy.descriptors()}


def more(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return what there is more of."""
    return {it: (before[it], after[it]) for it in after if after[it] > before[it]}


async def deaf(proxy: Proxy) -> None:
    """Send what a server refuses, which then neither reads nor closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"POST /user/ada/deaf HTTP/1.1\r\nHost: e\r\nContent-Length: 50000000\r\n\r\n")
    writer.write(bytes(20_000_000))
    assert (await read_head(reader)).startswith("HTTP/1.1 413 ")
    writer.transport.abort()


async def test_whoever_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    module = "tests.integration.counted_proxy"
    often = ("--activity-interval", "0.5")
    async with proxied(tmp_path, moody, often, module=module) as (proxy, hub):
        await proxy.knows("/user/ada/x", by=b"200 OK")
        while not hub.reports:  # for which it has a connection of its own
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        before = await counted(proxy)
        await asyncio.gather(*(deaf(proxy) for _ in range(5)))
        met, over = Counter[str](), asyncio.Event()
        actors = [
            asyncio.create_task(Actor(proxy, number, met).run(over)) for number in range(ACTORS)
        ]
        await asyncio.sleep(SECONDS * 0.4)
        warm = proxy.rss()
        await asyncio.sleep(SECONDS * 0.6)
        over.set()
        await asyncio.gather(*actors)
        assert met["answered"] > SECONDS * 5
        assert met["closed"] <= met["answered"] * 0.05
        await hub.change({}, gone=("/user/ada/",))  # and with it, what is kept for it
        end = time.monotonic() + 15
        while more(before, after := await counted(proxy)):
            assert time.monotonic() < end, more(before, after)
            await asyncio.sleep(0.5)
        assert proxy.rss() - warm <= MOST_GROWTH
        grown = (proxy.rss() - warm) / 2**20
        print(f"{met} before {before} after {after} grown {grown:.1f} MiB")  # noqa: T201
