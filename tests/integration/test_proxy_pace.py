"""Clients that bring or take nothing are given up; those that are only slow are not."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from websockets import ConnectionClosed
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve

from tests.chp.process import chp
from tests.integration.proxy_parts import Handler, Proxy, echo, ok, proxied, read_head
from tests.integration.test_proxy_limits import descriptors, refused
from tests.ports import free_port

BODY = ("--body-timeout", "1.5")
READER = ("--reader-timeout", "1.5")
PUT = b"PUT /user/ada/ HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n"
GET = b"GET /user/ada/ HTTP/1.1\r\nHost: edge\r\n"
PLAIN: dict[str, Any] = {"ping_interval": None, "max_size": None, "compression": None}
SOON = 8
"""Seconds in which a time-out of 1.5 has been seen, on a machine that is busy."""


async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer how long the body was."""
    head = await read_head(reader)
    if "chunked" in head:
        body = await reader.readuntil(b"0\r\n\r\n")
    else:
        body = await reader.readexactly(int(head.lower().split("content-length: ")[1].split()[0]))
    writer.write(ok(b"%d" % len(body)))


async def upload(proxy: Proxy, head: bytes, piece: bytes, every: float, seconds: float) -> bytes:
    """Send `head`, then `piece` again and again; return what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(PUT + head)
    said = asyncio.ensure_future(reader.read())
    end = time.monotonic() + seconds
    while time.monotonic() < end and not said.done():
        writer.write(piece)
        await asyncio.wait([said], timeout=every)
    said.cancel() if not said.done() else None
    writer.close()
    return b"" if said.cancelled() or not said.done() else said.result()


BEGUN = [
    pytest.param(b"Content-Length: 100000\r\n\r\n", b"", id="nothing"),
    pytest.param(b"Content-Length: 100000\r\n\r\n", b"x", id="a byte now and then"),
    pytest.param(b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="small chunks"),
    pytest.param(b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", b"", id="invited"),
]


@pytest.mark.parametrize(("head", "piece"), BEGUN)
async def test_a_body_that_does_not_come_is_given_up(
    tmp_path: Path, head: bytes, piece: bytes
) -> None:
    seen = asyncio.get_running_loop().create_future()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            while await reader.read(1000):
                pass
        finally:
            seen.set_result(None)

    port = free_port()
    async with proxied(tmp_path, upstream, (*BODY, "--metrics-port", str(port))) as (proxy, _):
        said = await upload(proxy, head, piece, 0.1, SOON)
        said = said.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"The rest of the request did not arrive in time." in said
        assert await refused(port) == {"slow-body": 1}
        await asyncio.wait_for(seen, 20)


async def test_a_body_that_comes_slowly_arrives(tmp_path: Path) -> None:
    async with proxied(tmp_path, count, BODY) as (proxy, _):
        head = b"Content-Length: 30720\r\n\r\n"
        said = await upload(proxy, head, b"x" * 1024, 0.15, 20)
        assert said.endswith(b"\r\n\r\n30720")


async def test_what_the_target_holds_up_is_no_fault_of_the_client(tmp_path: Path) -> None:
    size = 30_000_000

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        await asyncio.sleep(5)
        if "Expect" in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(head.split("Content-Length: ")[1].split()[0])
        left = length
        while left:
            left -= len(await reader.read(1 << 20))
        writer.write(ok(b"%d" % length))

    async def waits(proxy: Proxy) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(PUT + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert (await asyncio.wait_for(read_head(reader), 30)).startswith("HTTP/1.1 100 ")
        writer.write(b"hello")
        assert (await reader.read()).endswith(b"\r\n\r\n5")
        writer.close()

    async def is_held(proxy: Proxy) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(PUT + b"Content-Length: %d\r\n\r\n" % size)
        writer.write(bytes(size))
        await writer.drain()
        assert (await asyncio.wait_for(reader.read(), 30)).endswith(b"%d" % size)
        writer.close()

    async with proxied(tmp_path, slow, BODY) as (proxy, _):
        await asyncio.gather(waits(proxy), is_held(proxy))


async def test_while_nobody_answers_the_door_no_body_is_kept(tmp_path: Path) -> None:
    """A target that drops what is sent to it: five seconds of an upload would be much memory."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for it in waiting:
            it.settimeout(0)
            it.connect_ex(("127.0.0.1", port))
        async with chp(tmp_path) as proxy:
            await proxy.add("/", port)
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"PUT / HTTP/1.1\r\nHost: e\r\nContent-Length: 1000000000\r\n\r\n")
            before, sent = rss(proxy.process.pid), 0
            end = time.monotonic() + 3
            while time.monotonic() < end and sent < 2 * 10**8:
                writer.write(bytes(1 << 20))
                sent += 1 << 20
                try:
                    await asyncio.wait_for(writer.drain(), 0.3)
                except TimeoutError:
                    break
            assert rss(proxy.process.pid) - before < 4 * 2**20
            writer.transport.abort()
        for it in waiting:
            it.close()


def rss(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


def much(size: int, *, close: bool = False) -> Handler:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(ok(bytes(size), *(["Connection: close"] if close else [])))
        await writer.drain()
        await reader.read()

    return answer


async def small(proxy: Proxy, request: bytes) -> socket.socket:
    """Ask with a socket that takes little at once."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", proxy.port))
    await loop.sock_sendall(sock, request)
    return sock


@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "with the last piece"])
async def test_who_takes_nothing_is_given_up_and_counted(tmp_path: Path, *, last: bool) -> None:
    port = free_port()
    size = 3_000_000 if last else 100_000_000
    more = (*READER, "--metrics-port", str(port))
    async with proxied(tmp_path, much(size), more) as (proxy, _):
        request = GET + (b"Connection: close\r\n\r\n" if last else b"\r\n")
        with await small(proxy, request):
            end = time.monotonic() + 30
            while await refused(port) != {"slow-reader": 1}:
                assert time.monotonic() < end, proxy.said()
                await asyncio.sleep(0.1)
        assert "slow-reader" in proxy.said()


async def test_who_takes_little_at_a_time_gets_it_all(tmp_path: Path) -> None:
    """The kernel asks for more only after much of what it has is taken: later than the time-out."""
    port = free_port()
    more = (*READER, "--metrics-port", str(port))
    async with proxied(tmp_path, much(20_000_000), more) as (proxy, _):
        with await small(proxy, GET + b"\r\n") as sock:
            loop, end = asyncio.get_running_loop(), time.monotonic() + SOON
            while time.monotonic() < end:
                assert await asyncio.wait_for(loop.sock_recv(sock, 4096), 20)
                await asyncio.sleep(0.25)
            assert await refused(port) == {}


async def test_a_websocket_may_be_silent_but_not_deaf(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0, **PLAIN) as server:
        target = server.sockets[0].getsockname()[1]
        more = (*READER, *BODY, "--header-timeout", "1")
        async with proxied(tmp_path, more=more) as (proxy, hub):
            await hub.change({"/user/ada/": target})
            await proxy.knows("/user/ada/", by=b"426 Upgrade Required")
            url = f"ws://127.0.0.1:{proxy.port}/user/ada/"
            async with connect(url, **PLAIN) as silent:
                before = descriptors(proxy)
                deaf = await connect(url, **PLAIN, max_queue=1)
                sending = asyncio.ensure_future(flood(deaf))
                await asyncio.wait([sending], timeout=40)
                assert isinstance(sending.exception(), ConnectionClosed), "it was ended"
                # the server waits for its own answers to be taken, and takes nothing itself
                end = time.monotonic() + 20
                while descriptors(proxy) > before:
                    assert time.monotonic() < end, "its connection to the server is still there"
                    await asyncio.sleep(0.1)
                await silent.send("still there")
                assert await asyncio.wait_for(silent.recv(), 20) == "still there"


async def flood(connection: ClientConnection) -> None:
    while True:
        await connection.send(bytes(1_000_000))
