"""A reader that stalls costs the proxy one buffer, in both directions."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bar import size
from tests.integration.proxy_parts import Proxy, proxied, read_head

SIZE = size(24, 10**9, 10**10)
CHUNKED_SIZE = size(24, 250_000_000, 10**10)
PACED = size(24, 30_000_000, 2 * 10**9)
RATE = 20_000_000
"""Bytes in a second."""
BLOCK = os.urandom(1 << 20)
MOST_GROWTH = 20 * 2**20
STALL = 0.5
"""Seconds without a read, at several places of the body."""


async def send(writer: asyncio.StreamWriter, total: int, rate: float = 0) -> str:
    """Write `total` bytes, not faster than `rate` a second; return their SHA-256."""
    digest, left, began = hashlib.sha256(), total, time.monotonic()
    while left:
        if rate:
            await asyncio.sleep(began + (total - left) / rate - time.monotonic())
        piece = BLOCK[: min(left, len(BLOCK))]
        writer.write(piece)
        digest.update(piece)
        left -= len(piece)
        await writer.drain()
    return digest.hexdigest()


async def receive(reader: asyncio.StreamReader, total: int, rate: float = 0) -> str:
    """Read `total` bytes, at that rate or stalling now and then; return their SHA-256."""
    digest, done, began = hashlib.sha256(), 0, time.monotonic()
    stalls = [] if rate else [total // 10, total // 2, total - 1]
    while done < total:
        if rate:
            await asyncio.sleep(began + done / rate - time.monotonic())
        data = await reader.read(min(1 << 20, total - done))
        assert data, f"ended after {done}"
        digest.update(data)
        done += len(data)
        if stalls and done >= stalls[0]:
            del stalls[0]
            await asyncio.sleep(STALL)
    return digest.hexdigest()


@asynccontextmanager
async def watched(proxy: Proxy) -> AsyncIterator[None]:
    """Fail if the memory of the proxy grows too much meanwhile."""
    before = most = proxy.rss()

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, proxy.rss())
            await asyncio.sleep(0.02)

    task = asyncio.create_task(watch())
    yield
    task.cancel()
    assert most - before <= MOST_GROWTH


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
async def test_a_download_past_a_stalled_reader(tmp_path: Path, *, chunked: bool) -> None:
    sent = asyncio.get_running_loop().create_future()
    total = CHUNKED_SIZE if chunked else SIZE

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        if chunked:
            head = f"Transfer-Encoding: chunked\r\n\r\n{total:x}\r\n"
        else:
            head = f"Content-Length: {total}\r\n\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}".encode())
        sent.set_result(await send(writer, total))
        writer.write(b"\r\n0\r\n\r\n" if chunked else b"")
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1 << 20)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n\r\n")
        await read_head(reader)
        async with watched(proxy):
            if chunked:
                await reader.readuntil(b"\r\n")
            assert await receive(reader, total) == await sent
        writer.close()


async def test_an_upload_past_a_stalled_reader(tmp_path: Path) -> None:
    received = asyncio.get_running_loop().create_future()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(STALL)
        received.set_result(await receive(reader, SIZE))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        async with watched(proxy):
            writer.write(
                f"PUT /user/ada/ HTTP/1.1\r\nHost: e\r\nContent-Length: {SIZE}\r\n\r\n".encode()
            )
            assert await send(writer, SIZE) == await received
        assert "201" in await read_head(reader)
        writer.close()


@pytest.mark.parametrize("slow", ["client", "server"])
@pytest.mark.parametrize("way", ["down", "up"])
async def test_a_slow_side_sets_the_pace(tmp_path: Path, way: str, slow: str) -> None:
    down = way == "down"
    of_server, of_client = (RATE, 0) if slow == "server" else (0, RATE)
    done = asyncio.get_running_loop().create_future()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        size = PACED if down else 2
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() * down)
        if down:
            done.set_result(await send(writer, PACED, of_server))
        else:
            done.set_result(await receive(reader, PACED, of_server))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1 << 20)
        async with watched(proxy):
            if down:
                writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n\r\n")
                assert " 200 " in await read_head(reader)
                assert await receive(reader, PACED, of_client) == await done
            else:
                head = f"PUT /user/ada/ HTTP/1.1\r\nHost: e\r\nContent-Length: {PACED}\r\n\r\n"
                writer.write(head.encode())
                assert await send(writer, PACED, of_client) == await done
                assert " 200 " in await read_head(reader)
        writer.close()
