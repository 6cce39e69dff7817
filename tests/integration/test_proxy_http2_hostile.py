"""HTTP/2 from people who mean harm: nothing ambiguous is passed on, no flood is paid for."""

import asyncio
import os
import random
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.certificates import Files
from tests.integration.http2_parts import Browser, Fields, get
from tests.integration.proxy_parts import (
    Handler,
    Proxy,
    echo,
    mirror,
    proxied,
    read_request,
    serving,
    trickle,
)
from tests.ports import free_port

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()
BIG = 1 << 20


@pytest.fixture
def signed(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def proxy_of(
    folder: Path, signed: Files, upstream: Handler = mirror, *more: str
) -> AsyncIterator[Proxy]:
    key, cert = signed.signed("edge.test")
    options = ("--http2", "--ssl-cert", cert, "--ssl-key", key, *more)
    async with proxied(folder, upstream, options, signed.trusting()) as (proxy, _):
        yield proxy


def without(name: bytes) -> Fields:
    return [it for it in get("/user/ada/") if it[0] != name]


MALFORMED: dict[str, Fields] = {
    "no path": without(b":path"),
    "no method": without(b":method"),
    "no scheme": without(b":scheme"),
    "no authority": without(b":authority"),
    "an empty authority": [*without(b":authority"), (b":authority", b"")],
    "a path of another form": get("http://evil/user/ada/"),
    "a path without a slash": get("user/ada/"),
    "an asterisk": get("*", "OPTIONS"),
    "a path with a blank": get("/user/ada/ HTTP/1.1"),
    "a path with a line": get("/user/ada/ HTTP/1.1\r\nx: y"),
    "a method with a line": get("/user/ada/", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET"),
    "a method with a blank": get("/user/ada/", "GE T"),
    "another host": get("/user/ada/", "GET", (b"host", b"other")),
    "two hosts": get("/user/ada/", "GET", (b"host", b"edge"), (b"host", b"other")),
    "who one is before the host": [*without(b":authority"), (b":authority", b"ada@edge")],
    "a pseudo field twice": get("/user/ada/", "GET")[:1] + get("/user/ada/"),
    "an unknown pseudo field": [(b":x", b"y"), *get("/user/ada/")],
    "that of an answer": [(b":status", b"200"), *get("/user/ada/")],
    "a pseudo field behind others": [(b"a", b"b"), *get("/user/ada/")],
    "a capital": get("/user/ada/", "GET", (b"Accept", b"x")),
    "a blank in a name": get("/user/ada/", "GET", (b"a b", b"x")),
    "a colon in a name": get("/user/ada/", "GET", (b"a:b", b"x")),
    "a line in a name": get("/user/ada/", "GET", (b"a\r\nb", b"x")),
    "no name": get("/user/ada/", "GET", (b"", b"x")),
    "a line in a value": get("/user/ada/", "GET", (b"a", b"b\r\nc: d")),
    "a newline in a value": get("/user/ada/", "GET", (b"a", b"b\nc: d")),
    "a return in a value": get("/user/ada/", "GET", (b"a", b"b\rc")),
    "a line in a cookie": get("/user/ada/", "GET", (b"cookie", b"b\r\nc: d")),
    "nothing at all in a value": get("/user/ada/", "GET", (b"a", b"b\0c")),
    "a blank before a value": get("/user/ada/", "GET", (b"a", b" b")),
    "a blank behind a value": get("/user/ada/", "GET", (b"a", b"b\t")),
    "connection": get("/user/ada/", "GET", (b"connection", b"x-forwarded-for")),
    "keep-alive": get("/user/ada/", "GET", (b"keep-alive", b"x")),
    "proxy-connection": get("/user/ada/", "GET", (b"proxy-connection", b"x")),
    "transfer-encoding": get("/user/ada/", "POST", (b"transfer-encoding", b"chunked")),
    "upgrade": get("/user/ada/", "GET", (b"upgrade", b"websocket")),
    "te": get("/user/ada/", "GET", (b"te", b"gzip")),
    "connect": [(b":method", b"CONNECT"), (b":authority", b"edge:22")],
    "a wrong escape": get("/user/ada/%zz"),
    "300 fields": get("/user/ada/", "GET", *((b"a", b"b") for _ in range(300))),
}
"""All of them are answered with 400, and no server hears of them."""


async def test_what_is_malformed_is_refused_and_all_else_goes_on(
    tmp_path: Path, signed: Files
) -> None:
    heard = list[str]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            heard.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with (
        proxy_of(tmp_path, signed, listen) as proxy,
        Browser(proxy.port, signed.trusting()) as it,
    ):
        for name, fields in MALFORMED.items():
            status, said = await it.whole(await it.ask(fields))
            assert status in {400, 431}, name
            assert said, name
        assert not heard
        assert await it.whole(await it.ask(get("/user/ada/", "GET", (b"te", b"trailers")))) == (
            200, b"",
        )  # fmt: skip
        assert len(heard) == 1
        assert "te:" not in heard[0]


@pytest.mark.parametrize(
    ("length", "sent"), [(b"5", b"abc"), (b"2", b"abc"), (b"x", b""), (b"-1", b""), (b"1", b"")]
)
async def test_no_server_is_promised_more_or_less_than_comes(
    tmp_path: Path, signed: Files, length: bytes, sent: bytes
) -> None:
    heard = list[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async with (
        proxy_of(tmp_path, signed, listen) as proxy,
        Browser(proxy.port, signed.trusting()) as it,
    ):
        stream = await it.ask(get("/user/ada/", "POST", (b"content-length", length)), end=False)
        if sent:
            it.h2.send_data(stream, sent)
        it.h2.end_stream(stream)
        await it.flush()
        await it.until(lambda: it.closed or stream in it.resets or stream in it.ended)
        if stream in it.ended:
            assert it.heads[stream][b":status"] in {b"400", b"503"}
        end = time.monotonic() + 1
        while not heard and time.monotonic() < end:
            await asyncio.sleep(0.02)
        body = b"".join(heard).partition(b"\r\n\r\n")[2]
        assert len(body) <= int(length) if length.isdigit() else not body


def _head(stream: int, fields: Fields, *flags: str) -> bytes:
    block = Encoder().encode(fields, huffman=False)
    return HeadersFrame(stream, block, flags=["END_HEADERS", *flags]).serialize()


def resets() -> bytes:
    ask = get("/user/ada/")
    return b"".join(
        _head(it, ask, "END_STREAM") + RstStreamFrame(it, error_code=8).serialize()
        for it in range(1, 10_001, 2)
    )


def continuations() -> bytes:
    first = HeadersFrame(1, b"\0\1a\1b", flags=["END_STREAM"]).serialize()
    return bytes(first + ContinuationFrame(1, b"\0\1a\1b").serialize() * 10_000)


def long_continuations() -> bytes:
    piece = b"\0\1a\x7f\x81\x7e" + b"b" * 16_000
    return bytes(
        HeadersFrame(1, piece, flags=["END_STREAM"]).serialize()
        + ContinuationFrame(1, piece).serialize() * 200
    )


def bomb() -> bytes:
    """A field of 4 kB, remembered and then named 16,000 times in one byte each."""
    field = b"\x40\1a\x7f\xa1\x1e" + b"b" * 4000
    return _raw_head(1, field + b"\xbe" * 12_000) * 3


def _raw_head(stream: int, block: bytes) -> bytes:
    return bytes(HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize())


def empty_data() -> bytes:
    ask = _head(1, get("/user/ada/", "POST"))
    return ask + bytes(DataFrame(1, b"").serialize()) * 10_000


def giant() -> bytes:
    return b"\xff\xff\xff\0\0\0\0\0\1"


FLOODS: dict[str, Callable[[], bytes]] = {
    "requests that are taken back": resets,
    "heads that never end": continuations,
    "long heads that never end": long_continuations,
    "a head that unfolds": bomb,
    "pings": lambda: bytes(PingFrame(0, b"12345678").serialize()) * 10_000,
    "settings": lambda: bytes(SettingsFrame(0, {4: 1000}).serialize()) * 10_000,
    "priorities": lambda: bytes(PriorityFrame(1, 0, 1).serialize()) * 10_000,
    "windows": lambda: bytes(WindowUpdateFrame(0, 1).serialize()) * 10_000,
    "data with nothing in it": empty_data,
    "a frame of 16 MB": giant,
    "unknown frames": lambda: b"\0\0\0\xee\0\0\0\0\1" * 10_000,
    "more streams than agreed": lambda: b"".join(
        _head(it, get("/user/ada/", "POST")) for it in range(1, 1001, 2)
    ),
    "another preface": lambda: b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n" * 100,
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_ends_its_connection_and_costs_nobody_else(
    tmp_path: Path, signed: Files, name: str
) -> None:
    flood = FLOODS[name]()
    async with proxy_of(tmp_path, signed, trickle(1, 0.05)) as proxy:
        await proxy.get("/user/ada/")
        before = proxy.rss()
        start = b"" if name == "another preface" else PREFACE
        reader, writer = await _open(proxy, signed)
        writer.write(start + flood)
        answer = asyncio.create_task(proxy.get("/user/ada/"))
        async with asyncio.timeout(40):
            with suppress(OSError, ssl.SSLError):
                while await reader.read(65_536):
                    pass
        writer.close()
        assert (await answer).endswith(b"x")
        assert proxy.rss() - before < 24 * BIG
        assert (await proxy.get("/user/ada/")).endswith(b"x")


async def _open(proxy: Proxy, signed: Files) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    trusted = signed.trusting()
    trusted.set_alpn_protocols(["h2"])
    return await asyncio.open_connection("127.0.0.1", proxy.port, ssl=trusted)


async def test_who_asks_for_much_and_reads_nothing_costs_little(
    tmp_path: Path, signed: Files
) -> None:
    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with proxy_of(tmp_path, signed, much, "--drain", "0.1") as proxy:
        before = proxy.rss()
        trusted = signed.trusting()
        trusted.set_alpn_protocols(["h2"])
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=trusted, limit=1024)
        huge = SettingsFrame(0, {SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1}).serialize()
        asks = b"".join(_head(it, get("/user/ada/"), "END_STREAM") for it in range(1, 101, 2))
        window = WindowUpdateFrame(0, 2**31 - 70_000).serialize()
        writer.write(PREFACE + huge + window + asks)
        await asyncio.sleep(1.5)
        assert proxy.rss() - before < 50 * 524_288 + 16 * BIG, "a buffer each"
        writer.transport.abort()


async def test_who_takes_little_at_a_time_gets_it_all(tmp_path: Path, signed: Files) -> None:
    """What the kernel holds of a connection moves with it, whichever stream it is of."""

    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000))
        await writer.drain()

    async with proxy_of(tmp_path, signed, much, "--reader-timeout", "4") as proxy:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(5)
            await asyncio.to_thread(sock.connect, ("127.0.0.1", proxy.port))
            with await asyncio.to_thread(_secured, sock, signed) as tls:
                huge = SettingsFrame(0, {SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1}).serialize()
                window = WindowUpdateFrame(0, 2**31 - 70_000).serialize()
                tls.sendall(PREFACE + huge + window + _head(1, get("/user/ada/"), "END_STREAM"))
                end = time.monotonic() + 9
                while time.monotonic() < end:
                    assert await asyncio.to_thread(tls.recv, 16_384), proxy.said()
                    await asyncio.sleep(0.25)
        assert "slow-reader" not in proxy.said()


def _secured(sock: socket.socket, signed: Files) -> ssl.SSLSocket:
    trusted = signed.trusting()
    trusted.check_hostname = False
    trusted.set_alpn_protocols(["h2"])
    return trusted.wrap_socket(sock, server_hostname="edge.test")


async def connections(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    told = (await reader.read()).decode()
    writer.close()
    return int(told.split("\nperijove_proxy_connections ")[1].split()[0])


async def test_whatever_is_taken_back_or_cut_leaves_nothing_behind(
    tmp_path: Path, signed: Files
) -> None:
    chance, port = random.Random(11), free_port()
    more = ("--metrics-port", str(port))
    async with proxy_of(tmp_path, signed, trickle(3, 0.01), *more) as proxy:
        for _ in range(6):
            async with Browser(proxy.port, signed.trusting()) as it:
                streams = [await it.ask(get("/user/ada/")) for _ in range(30)]
                for stream in chance.sample(streams, 12):
                    await asyncio.sleep(0.002)
                    with suppress(ProtocolError):  # it has ended already
                        it.h2.reset_stream(stream, ErrorCodes.CANCEL)
                    await it.flush()
                if chance.random() < 0.5:
                    await it.ask(get("/user/ada/", "POST"), end=False)
                    await asyncio.sleep(0.05)
                    it.writer.transport.abort()
        end = time.monotonic() + 10
        while await connections(port):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def test_noise_makes_no_traceback(tmp_path: Path, signed: Files) -> None:
    chance = random.Random(7)
    good = _head(1, get("/user/ada/"), "END_STREAM") + _head(3, get("/user/ada/", "POST"))
    good += DataFrame(3, b"abc", flags=["END_STREAM"]).serialize()
    async with proxy_of(tmp_path, signed) as proxy:  # it looks for tracebacks at the end
        for _ in range(150):
            noise = bytearray(good * 3)
            for _ in range(chance.randrange(1, 12)):
                noise[chance.randrange(len(noise))] = chance.randrange(256)
            _, writer = await _open(proxy, signed)
            writer.write(PREFACE + bytes(noise))
            await asyncio.sleep(0.005)
            writer.transport.abort()
        for _ in range(50):
            _, writer = await _open(proxy, signed)
            kind, size = chance.randrange(12), chance.randrange(40)
            head = size.to_bytes(3, "big") + bytes([kind, chance.randrange(256), 0, 0, 0])
            stream, body = bytes([chance.randrange(4)]), chance.randbytes(size)
            writer.write(PREFACE + good + head + stream + body)
            await asyncio.sleep(0.005)
            writer.transport.abort()
        assert (await proxy.get("/user/ada/")).startswith(b"HTTP/1.1 200")


async def test_an_idle_connection_is_closed_with_a_word(tmp_path: Path, signed: Files) -> None:
    async with (
        proxy_of(tmp_path, signed, mirror, "--header-timeout", "1") as proxy,
        Browser(proxy.port, signed.trusting()) as it,
    ):
        await it.until(lambda: it.closed, 20)
        assert it.gone == ErrorCodes.NO_ERROR


async def test_at_the_end_requests_finish_and_no_more_are_taken(
    tmp_path: Path, signed: Files
) -> None:
    async with (
        proxy_of(tmp_path, signed, trickle(20, 0.05)) as proxy,
        Browser(proxy.port, signed.trusting()) as it,
    ):
        stream = await it.ask(get("/user/ada/"))
        await it.until(lambda: it.bodies[stream])
        os.kill(proxy.pid, signal.SIGTERM)
        await it.until(lambda: it.gone is not None)
        assert it.gone == ErrorCodes.NO_ERROR
        assert await it.whole(stream) == (200, b"x" * 20)
        await it.until(lambda: it.closed)


@asynccontextmanager
async def answering(folder: Path, signed: Files) -> AsyncIterator[tuple[Browser, int]]:
    """A browser, and the stream on which it is being answered, in ten pieces."""
    async with (
        proxy_of(folder, signed, trickle(10, 0.05)) as proxy,
        Browser(proxy.port, signed.trusting()) as it,
    ):
        stream = await it.ask(get("/user/ada/"))
        await it.until(lambda: it.bodies[stream])
        yield it, stream


async def test_who_asks_for_nothing_more_is_given_what_was_asked_for(
    tmp_path: Path, signed: Files
) -> None:
    async with answering(tmp_path, signed) as (it, stream):
        it.writer.write(GoAwayFrame(0).serialize())
        assert await it.whole(stream) == (200, b"x" * 10)
        await it.until(lambda: it.closed)


async def test_what_was_asked_for_in_one_breath_with_the_end_is_answered(
    tmp_path: Path, signed: Files
) -> None:
    async with answering(tmp_path, signed) as (it, running):
        stream = it.h2.get_next_available_stream_id()
        it.h2.send_headers(stream, get("/_chp_healthz"), end_stream=True)
        window = WindowUpdateFrame(0, window_increment=1000).serialize()
        it.writer.write(it.h2.data_to_send() + GoAwayFrame(0).serialize() + window)
        assert (await it.whole(stream))[0] == 200
        assert await it.whole(running) == (200, b"x" * 10)


async def test_who_takes_back_at_once_what_would_be_answered_at_once_harms_no_other(
    tmp_path: Path, signed: Files
) -> None:
    async with answering(tmp_path, signed) as (it, running):
        for path in ("/_chp_healthz", "/%zz", "/user/ada/"):
            stream = it.h2.get_next_available_stream_id()
            it.h2.send_headers(stream, get(path), end_stream=True)
            it.h2.reset_stream(stream, ErrorCodes.CANCEL)
            await it.flush()
        assert await it.whole(running) == (200, b"x" * 10)
        assert (await it.whole(await it.ask(get("/_chp_healthz"))))[0] == 200


async def test_whoever_makes_room_is_not_the_one_who_asks(tmp_path: Path, signed: Files) -> None:
    limits = ("--max-connections", "3", "--max-connections-per-address", "0")
    async with proxy_of(tmp_path, signed, mirror, *limits) as proxy:
        kept = [
            await asyncio.open_connection("127.0.0.1", proxy.port, ssl=signed.trusting())
            for _ in range(2)
        ]
        async with Browser(proxy.port, signed.trusting()) as it:
            assert (await it.whole(await it.ask(get("/user/ada/"))))[0] == 200
            assert (await it.whole(await it.ask(get("/user/ada/"))))[0] == 200
        for _, writer in kept:
            writer.transport.abort()


async def test_websockets_come_by_http_1_beside_it(tmp_path: Path, signed: Files) -> None:
    key, cert = signed.signed("edge.test")
    port = free_port()
    options = ("--http2", "--ssl-cert", cert, "--ssl-key", key)
    async with serve(echo, "127.0.0.1", port), serving(mirror) as other:
        assert other
        async with proxied(tmp_path, mirror, options, signed.trusting()) as (proxy, hub):
            await hub.change({"/user/eve/": port})
            await proxy.knows("/user/eve/", by=b"426 Upgrade Required")
            url = f"wss://127.0.0.1:{proxy.port}/user/eve/"
            async with connect(url, ssl=signed.trusting(), proxy=None) as web:
                await web.send("hello")
                assert await web.recv() == "hello"
