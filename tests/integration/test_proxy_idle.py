"""Many WebSockets on which nothing is said: small, all of them there at the end, and then gone."""

import asyncio
import resource
import time
from pathlib import Path

from tests.bar import size
from tests.integration.proxy_parts import proxied, read_head

MANY = size(23, 400, 2000)
SECONDS = size(23, 2.0, 600.0)
MOST_EACH = 8 * 1024
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
FRAME = b"\x82\x05hello"
One = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Switch, and send everything back."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE)
    while data := await reader.read(1000):
        writer.write(data)


async def opened(port: int) -> One:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n" + UPGRADE)
    assert (await read_head(reader)).startswith("HTTP/1.1 101 ")
    return reader, writer


async def echoes(one: One) -> None:
    one[1].write(FRAME)
    assert await asyncio.wait_for(one[0].readexactly(len(FRAME)), 10) == FRAME


async def test_idle_websockets_are_small_stay_and_leave_nothing(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 3 * MANY
    async with proxied(tmp_path, back) as (proxy, _):
        for one in [await opened(proxy.port) for _ in range(50)]:  # what is made once is there
            one[1].close()
        had = -1
        while had != proxy.descriptors():  # those go, one after the other
            had = proxy.descriptors()
            await asyncio.sleep(0.5)
        before = proxy.rss()
        ones = [await opened(proxy.port) for _ in range(MANY)]
        each = (proxy.rss() - before) / MANY
        assert proxy.descriptors() == had + 2 * MANY
        await asyncio.sleep(SECONDS)
        later = (proxy.rss() - before) / MANY
        print(f"{MANY} WebSockets of {each / 1024:.1f} KiB, {later / 1024:.1f} KiB at the end")  # noqa: T201
        assert max(each, later) <= MOST_EACH
        for one in ones:
            await echoes(one)
        assert proxy.descriptors() == had + 2 * MANY
        for number, (_, writer) in enumerate(ones):
            if number % 2:
                writer.close()
            else:
                writer.transport.abort()
        end = time.monotonic() + 30
        while proxy.descriptors() > had:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
