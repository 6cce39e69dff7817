"""A knock: anything but 5xx and 404 is an answer, and nothing else is."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from perijove.core import ready
from perijove.core.ready import knock
from tests.ports import free_port


@asynccontextmanager
async def server(answer: bytes, pause: float = 0.0) -> AsyncIterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        for byte in [answer] if not pause else [bytes([b]) for b in answer]:
            writer.write(byte)
            await asyncio.sleep(pause)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/user/ada/api", heard
    finally:
        running.close()
        await asyncio.sleep(0.05)  # who was being answered is let go


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.0 200 OK", True),
        (b"HTTP/1.1 302 Found", True),
        (b"HTTP/1.1 401 Unauthorized", True),
        (b"HTTP/1.1 403 Forbidden", True),
        (b"HTTP/1.1 404 Not Found", False),
        (b"HTTP/1.1 500 Oops", False),
        (b"HTTP/1.1 503 Not yet", False),
        (b"SSH-2.0-OpenSSH_9.2p1", False),
        (b"HTTP/1.1 abc what", False),
        (b"", False),
    ],
)
async def test_the_status_line_decides(line: bytes, *, answers: bool) -> None:
    async with server(line + b"\r\n\r\n" if line else b"") as (url, heard):
        assert await knock(url) is answers
        assert heard[0].startswith(b"GET /user/ada/api HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_line_that_comes_in_pieces_is_read_as_one() -> None:
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n", pause=0.001) as (url, _):
        assert await knock(url)


async def test_where_nobody_listens_nobody_answers() -> None:
    assert not await knock(f"http://127.0.0.1:{free_port()}/user/ada/api")


async def test_who_says_nothing_is_waited_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready, "_PATIENCE", 0.1)
    async with server(b"", pause=0) as (url, _):
        silent = await asyncio.start_server(_silence, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        begun = time.monotonic()
        assert not await knock(url.replace(url.split("/")[2], f"127.0.0.1:{port}"))
        assert time.monotonic() - begun < 2
        silent.close()


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_knock_costs_little() -> None:
    """Not a benchmark: it fails when a library comes back that costs ten times as much."""

    async def cost(work: Callable[[], Awaitable[object]], times: int = 200) -> float:
        begun = time.process_time()
        for _ in range(times):
            await work()
        return (time.process_time() - begun) / times

    async with server(b"HTTP/1.1 200 OK\r\n\r\n") as (url, _):
        assert await cost(lambda: knock(url)) < 0.002
