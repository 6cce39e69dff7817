"""A reader that stalls costs the proxy one buffer, in both directions."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.proxy_parts import Proxy, proxied, read_head

SIZE = int(os.environ.get("PERIJOVE_STREAM_BYTES", str(10**9)))
BLOCK = os.urandom(1 << 20)
MOST_GROWTH = 20 * 2**20
STALL = 0.5
"""Seconds without a read, at several places of the body."""


async def send(writer: asyncio.StreamWriter) -> str:
    """Write SIZE bytes; return their SHA-256."""
    digest, left = hashlib.sha256(), SIZE
    while left:
        piece = BLOCK[: min(left, len(BLOCK))]
        writer.write(piece)
        digest.update(piece)
        left -= len(piece)
        await writer.drain()
    return digest.hexdigest()


async def receive(reader: asyncio.StreamReader) -> str:
    """Read SIZE bytes, stalling now and then; return their SHA-256."""
    digest, done = hashlib.sha256(), 0
    stalls = [SIZE // 10, SIZE // 2, SIZE - 1]
    while done < SIZE:
        data = await reader.read(min(1 << 20, SIZE - done))
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

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        if chunked:
            head = f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n"
        else:
            head = f"Content-Length: {SIZE}\r\n\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}".encode())
        sent.set_result(await send(writer))
        writer.write(b"\r\n0\r\n\r\n" if chunked else b"")
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1 << 20)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n\r\n")
        await read_head(reader)
        async with watched(proxy):
            if chunked:
                await reader.readuntil(b"\r\n")
            assert await receive(reader) == await sent
        writer.close()


async def test_an_upload_past_a_stalled_reader(tmp_path: Path) -> None:
    received = asyncio.get_running_loop().create_future()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(STALL)
        received.set_result(await receive(reader))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        async with watched(proxy):
            writer.write(
                f"PUT /user/ada/ HTTP/1.1\r\nHost: e\r\nContent-Length: {SIZE}\r\n\r\n".encode()
            )
            assert await send(writer) == await received
        assert "201" in await read_head(reader)
        writer.close()
