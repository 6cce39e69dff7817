"""HTTP/2 towards browsers: many requests at once on one connection, none in the way of another."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from h2.errors import ErrorCodes

from tests.certificates import Files
from tests.integration.http2_parts import Browser, get
from tests.integration.proxy_parts import Handler, Hub, Proxy, mirror, ok, proxied, read_request


@pytest.fixture
def signed(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def both(
    folder: Path, signed: Files, upstream: Handler = mirror, *more: str
) -> AsyncIterator[tuple[Proxy, Hub]]:
    """Run a proxy that speaks HTTP/2, and HTTP/1.1."""
    key, cert = signed.signed("edge.test")
    options = ("--http2", "--ssl-cert", cert, "--ssl-key", key, *more)
    async with proxied(folder, upstream, options, signed.trusting()) as (proxy, hub):
        yield proxy, hub


@asynccontextmanager
async def browsing(proxy: Proxy, signed: Files) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        http1=False, http2=True, verify=signed.trusting(), timeout=30,
        base_url=f"https://127.0.0.1:{proxy.port}",
    ) as web:  # fmt: skip
        yield web


async def test_a_request_is_what_it_would_be_in_http_1(tmp_path: Path, signed: Files) -> None:
    async with both(tmp_path, signed) as (proxy, _), browsing(proxy, signed) as web:
        headers = [("cookie", "a=b"), ("cookie", "c=d"), ("x-forwarded-prefix", "/p")]
        answer = await web.get("/user/ada/x?y=z", headers=headers)
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        start, *lines = answer.text.split("\r\n")
        assert start == "GET /user/ada/x?y=z HTTP/1.1"
        told = dict(line.lower().split(": ", 1) for line in lines if line)
        assert told["host"] == f"127.0.0.1:{proxy.port}"
        assert told["cookie"] == "a=b; c=d"
        assert told["x-forwarded-for"] == "127.0.0.1"
        assert told["x-forwarded-proto"] == "https"
        assert "transfer-encoding" not in told
        for path, status in (("/_perijove/health", 200), ("/user/ada/%zz", 400), ("/x", 200)):
            assert (await web.get(path)).status_code == status, path


async def test_http_1_is_spoken_with_who_asks_for_that(tmp_path: Path, signed: Files) -> None:
    async with both(tmp_path, signed) as (proxy, _):
        assert (await proxy.get("/user/ada/")).startswith(b"HTTP/1.1 200 ")


BIG = 1 << 20


async def sized(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer `/user/ada/N` with N bytes."""
    while True:
        head, _ = await read_request(reader)
        size = int(head.split(" ", 2)[1].rsplit("/", 1)[1])
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for at in range(0, size, 65_536):
            writer.write(b"x" * min(65_536, size - at))
            await writer.drain()


async def test_fifty_downloads_come_at_once_and_a_slow_one_stops_none(
    tmp_path: Path, signed: Files
) -> None:
    async with (
        both(tmp_path, signed, sized) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        await it.whole(await it.ask(get("/user/ada/1000")))
        before = proxy.rss()
        slow = it.h2.get_next_available_stream_id()
        it.slow.add(slow)
        assert await it.ask(get(f"/user/ada/{200 * BIG}")) == slow
        streams = [await it.ask(get(f"/user/ada/{BIG}")) for _ in range(50)]
        for stream in streams:
            assert await it.whole(stream, 60) == (200, b"x" * BIG)
        assert len(it.bodies[slow]) == 65_535, "what its window lets through"
        assert proxy.rss() - before < 24 * BIG
        it.slow.clear()
        it.h2.increment_flow_control_window(BIG, slow)
        await it.flush()
        await it.until(lambda: len(it.bodies[slow]) > BIG)


async def test_a_body_may_be_of_any_length_known_or_not(tmp_path: Path, signed: Files) -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = b""
        if "transfer-encoding: chunked" in head:
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(head.split("content-length: ")[1].split("\r")[0]))
        told = hashlib.sha256(body).hexdigest().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\nConnection: close\r\n\r\n" + told)

    body = os.urandom(5 * BIG + 17)
    digest = hashlib.sha256(body).hexdigest().encode()
    async with (
        both(tmp_path, signed, count) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        length = (b"content-length", str(len(body)).encode())
        for more in ((), (length,)):
            stream = await it.ask(get("/user/ada/", "POST", *more), end=False)
            await it.send(stream, body)
            assert await it.whole(stream, 30) == (200, digest)
        stream = await it.ask(get("/user/ada/", "POST", (b"content-length", b"0")), end=False)
        await it.send(stream, b"")
        assert (await it.whole(stream))[0] == 200


async def stalled(it: Browser, stream: int) -> None:
    """Wait until it has been told to wait, and no more is let through."""
    end, quiet = time.monotonic() + 20, 0
    while quiet < 10:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
        quiet = 0 if it.h2.local_flow_control_window(stream) else quiet + 1


async def test_an_upload_waits_for_its_server_and_stops_no_other(
    tmp_path: Path, signed: Files
) -> None:
    go = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"POST" in head:
            await go.wait()
            await reader.readexactly(40 * BIG)
        writer.write(ok(b"ok", "Connection: close"))
        await writer.drain()

    async with (
        both(tmp_path, signed, late) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        await it.whole(await it.ask(get("/user/ada/")))
        before = proxy.rss()
        length = (b"content-length", str(40 * BIG).encode())
        stream = await it.ask(get("/user/ada/", "POST", length), end=False)
        sending = asyncio.create_task(it.send(stream, b"x" * 40 * BIG))
        await stalled(it, stream)
        assert not sending.done()
        assert proxy.rss() - before < 8 * BIG
        for _ in range(20):
            assert await it.whole(await it.ask(get("/user/ada/"))) == (200, b"ok")
        go.set()
        assert await it.whole(stream, 30) == (200, b"ok")
        await sending


SHAPES: dict[str, tuple[tuple[bytes, ...], int, bytes]] = {
    "with nothing in it": ((b"HTTP/1.1 204 No Content", b"", b""), 204, b""),
    "that has not changed": (
        (b"HTTP/1.1 304 Not Modified", b"Content-Length: 5", b"", b""), 304, b"",
    ),
    "in chunks": (
        (b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", b"Trailer: x", b"",
         b"3", b"abc", b"2;e=f", b"de", b"0", b"x: y", b"", b""), 200, b"abcde",
    ),
    "that ends with its connection": (
        (b"HTTP/1.1 200 OK", b"Connection: close", b"", b"abc"), 200, b"abc",
    ),
    "after an interim one": (
        (b"HTTP/1.1 103 Early Hints", b"Link: </a>", b"",
         b"HTTP/1.1 200 OK", b"Content-Length: 1", b"", b"a"), 200, b"a",
    ),
    "that says too much of its connection": (
        (b"HTTP/1.1 200 Fine", b"Keep-Alive: x", b"Upgrade: h2c",
         b"Connection: keep-alive, X-Y", b"X-Y: 1", b"Content-Length: 0", b"", b""), 200, b"",
    ),
}  # fmt: skip
"""Lines, status and body."""


@pytest.mark.parametrize("name", SHAPES)
async def test_an_answer_of_any_shape_comes_whole(tmp_path: Path, signed: Files, name: str) -> None:
    lines, status, body = SHAPES[name]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\r\n".join(lines))
        await writer.drain()

    async with (
        both(tmp_path, signed, answer) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        for _ in range(3):
            stream = await it.ask(get("/user/ada/"))
            assert await it.whole(stream) == (status, body)
            assert it.interim[stream] == ([b"103"] if "interim" in name else [])
            names = set(it.heads[stream])
            assert not names & {
                b"connection",
                b"keep-alive",
                b"transfer-encoding",
                b"upgrade",
                b"x-y",
            }


async def test_head_has_a_length_and_no_body(tmp_path: Path, signed: Files) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            await writer.drain()

    async with (
        both(tmp_path, signed, answer) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        for _ in range(3):
            stream = await it.ask(get("/user/ada/", "HEAD"))
            assert await it.whole(stream) == (200, b"")
            assert it.heads[stream][b"content-length"] == b"5"


@pytest.mark.parametrize("coding", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
async def test_an_answer_that_is_cut_short_is_not_taken_for_a_whole_one(
    tmp_path: Path, signed: Files, coding: bytes
) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n3\r\na")
        await writer.drain()

    async with (
        both(tmp_path, signed, cut) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        stream = await it.ask(get("/user/ada/"))
        await it.until(lambda: stream in it.resets)
        assert stream not in it.ended
        assert it.resets[stream] == ErrorCodes.INTERNAL_ERROR


async def test_who_is_answered_early_need_not_send_the_rest(tmp_path: Path, signed: Files) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()

    async with (
        both(tmp_path, signed, early) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        stream = await it.ask(get("/user/ada/", "POST"), end=False)
        await it.send(stream, b"x" * 1000, end=False)
        await it.until(lambda: stream in it.resets)
        assert (it.heads[stream][b":status"], bytes(it.bodies[stream])) == (b"413", b"no")
        assert it.resets[stream] == ErrorCodes.NO_ERROR
        assert (await it.whole(await it.ask(get("/user/ada/"))))[0] == 413


async def test_a_server_that_does_not_answer_is_apologised_for(
    tmp_path: Path, signed: Files
) -> None:
    async def away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        both(tmp_path, signed, away) as (proxy, _),
        Browser(proxy.port, signed.trusting()) as it,
    ):
        status, body = await it.whole(await it.ask(get("/user/ada/x")))
        assert (status, body) == (503, b"<p>hub says 503 for /hub/error/503?url=%2Fuser%2Fada%2Fx")


async def test_streams_have_lines_in_the_access_log(tmp_path: Path, signed: Files) -> None:
    told = tmp_path / "access"
    async with (
        both(tmp_path, signed, mirror, "--access-log", str(told)) as (proxy, _),
        browsing(proxy, signed) as web,
    ):
        answers = [await web.get(f"/user/ada/{number}") for number in range(3)]
        ids = [answer.headers["x-request-id"] for answer in answers]
        end = time.monotonic() + 10
        while not all(it in told.read_text() for it in ids):
            assert time.monotonic() < end, told.read_text()
            await asyncio.sleep(0.05)
