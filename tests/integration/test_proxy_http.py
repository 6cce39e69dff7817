"""HTTP/1.1 through the proxy: framing, fields, connections; with real sockets on both sides."""

import asyncio
import re
import socket
import struct
from pathlib import Path

import pytest

from tests.integration.proxy_parts import bare, mirror, ok, proxied, read_head, read_request

GET = "GET /user/ada/{} HTTP/1.1\r\nHost: edge:8000\r\n{}\r\n"


def get(path: str = "", *fields: str) -> bytes:
    return GET.format(path, "".join(f"{line}\r\n" for line in fields)).encode("latin-1")


async def body_of(reader: asyncio.StreamReader) -> bytes:
    head = await read_head(reader)
    size = re.search(r"(?i)content-length: *(\d+)", head)
    assert size, head
    return await reader.readexactly(int(size[1]))


async def test_connections_are_kept_on_both_sides(tmp_path: Path) -> None:
    connections = 0

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await mirror(reader, writer)

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for number in range(20):
            writer.write(get(f"r{number}"))
            assert f"/r{number} ".encode() in await body_of(reader)
        writer.write(get("a") + get("b") + get("c"))  # pipelined
        assert [b"/a " in await body_of(reader), b"/b " in await body_of(reader)] == [True, True]
        assert b"/c " in await body_of(reader)
        writer.close()
        assert connections == 1


async def test_a_crowd_that_asks_again_finds_its_connections_kept(tmp_path: Path) -> None:
    crowd, connections = 64, 0
    all_asked = asyncio.Barrier(crowd)

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_head(reader)
            await all_asked.wait()
            writer.write(ok(b"together"))

    async with proxied(tmp_path, upstream) as (proxy, _):
        lines = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(crowd)]
        for turn in range(3):
            for _, writer in lines:
                writer.write(get(f"{turn}"))
            for reader, _ in lines:
                assert await asyncio.wait_for(body_of(reader), 20) == b"together"
        for _, writer in lines:
            writer.close()
        assert connections == crowd


async def test_what_is_forwarded_is_what_was_sent(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        path = "/user/%61da/a%2fb%20c;d/?q=%zz&%41"
        fields = ("cookie: a=b; c=d", "X-ODD:   spaced  ", "Origin: http://evil", "X-Empty:")
        said = await proxy.get(path, *fields)
        assert f"GET {path} HTTP/1.1\r\n".encode() in said
        for line in (*fields, "Host: edge"):
            assert f"\r\n{line}\r\n".encode() in said


async def test_dots_are_resolved_before_anybody_sees_them(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        assert b"GET /user/ada/x?y=.. HTTP" in await proxy.get("/user/al/../ada/x?y=..")
        assert b"hub:GET /hub/admin HTTP" in await proxy.get("/user/ada/%2e%2E/../hub/admin")
        assert b"hub:GET /user/alice/ HTTP" in await proxy.get("/user/alice/")
        assert b"hub:GET //user/ada/ HTTP" in await proxy.get("//user/ada/")


async def test_hop_by_hop_fields_stay_on_their_hop(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        more = (
            "Keep-Alive: timeout=5",
            "Connection: X-Mine, keep-alive",
            "X-Mine: 1",
            "Trailer: x",
        )
        writer.write(ok(head.encode(), *more, "Upgrade: h2c", "Proxy-Connection: x"))

    async with proxied(tmp_path, upstream) as (proxy, _):
        said = await proxy.ask(
            get(
                "", "Connection: close, X-Secret, Cookie, TE", "X-Secret: 1", "Cookie: a=b"
            ).replace(b"\r\n\r\n", b"\r\nTE: trailers\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n\r\n")
        )
        answer, _, asked = said.decode().partition("\r\n\r\n")
        for name in ("X-Secret", "TE:", "Keep-Alive", "Upgrade", "Connection"):
            assert name not in asked
        assert "Cookie: a=b" in asked
        for name in ("Keep-Alive", "X-Mine", "Upgrade", "Proxy-Connection"):
            assert name not in answer
        assert "Connection: close" in answer
        assert "Trailer: x" in answer


SPOOFED = (
    *("X-Forwarded-For: 1.2.3.4", "x-forwarded-PROTO: https", "X-Forwarded-Host: evil"),
    *("X-Forwarded-Port: 1", "X-Real-IP: 1.2.3.4", "X-Scheme: https", "Forwarded: for=1.2.3.4"),
    *("X_Forwarded_For: 1.2.3.4", "X-Forwarded-Prefix: /x"),
)


async def test_a_stranger_cannot_say_where_it_came_from(tmp_path: Path) -> None:
    more = ("--trusted-proxies", "10.0.0.0/8")
    async with proxied(tmp_path, more=more) as (proxy, _):
        for spoofed in (SPOOFED, ()):
            said = (await proxy.get("/user/ada/", *spoofed)).decode().lower()
            assert said.count("forwarded") == 4
            for line in ("for: 127.0.0.1", "proto: http", "host: edge", "port: 80"):
                assert f"\r\nx-forwarded-{line}\r\n" in said
            assert "1.2.3.4" not in said
            assert "evil" not in said


async def test_a_trusted_peer_is_believed_and_added_to(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        said = (await proxy.get("/user/ada/", *SPOOFED[:3])).decode()
        assert "\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n" in said
        assert "\r\nX-Forwarded-Proto: https\r\n" in said
        assert "\r\nX-Forwarded-Host: evil\r\n" in said
        assert "\r\nX-Forwarded-Port: 443\r\n" in said


@pytest.mark.parametrize(("fields", "status"), [(254, 200), (255, 431)])
async def test_a_head_has_a_limit_of_fields(tmp_path: Path, fields: int, status: int) -> None:
    async with proxied(tmp_path) as (proxy, _):
        more = [f"a{number}: b" for number in range(fields - 2)]  # Host and Connection besides
        assert (await proxy.get("/user/ada/", *more)).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(("size", "status"), [(8_000, 200), (60_000, 200), (70_000, 431)])
async def test_long_cookies_pass_up_to_the_limit(tmp_path: Path, size: int, status: int) -> None:
    async with proxied(tmp_path) as (proxy, _):
        said = await proxy.get("/user/ada/", "Cookie: " + "x" * size)
        assert said.startswith(b"HTTP/1.1 %d" % status)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
)
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", CHUNKED),
        ("GET", HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ],
)
async def test_an_answer_ends_where_it_ends(tmp_path: Path, method: str, answer: bytes) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while "last" not in await read_head(reader):
            for byte in answer:  # in the smallest pieces
                writer.write(bytes([byte]))
                await writer.drain()
        writer.write(ok(b"that was all"))
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        first = get().replace(b"GET", method.encode(), 1)
        said = await proxy.ask(first + get("last", "Connection: close"))
        assert bare(said).startswith(answer)
        assert said.endswith(b"\r\n\r\nthat was all")


async def test_a_chunked_body_and_its_trailers_pass_as_they_are(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_head(reader)
            writer.write(ok(await reader.readuntil(b"X-Sum: 9\r\n\r\n")))

    body = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n"
    head = get("", "Transfer-Encoding: chunked").replace(b"GET", b"POST")
    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for _again in range(2):
            for byte in head + body:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert await body_of(reader) == body
        writer.close()


async def test_the_upstream_says_whether_to_continue(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert "Expect: 100-continue" in await read_head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(ok(await reader.readexactly(5)))

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        fields = ("Content-Length: 5", "Expect: 100-continue")
        writer.write(get("", *fields).replace(b"GET", b"PUT"))
        assert (await read_head(reader)).startswith("HTTP/1.1 100 ")
        writer.write(b"hello")
        assert await body_of(reader) == b"hello"
        writer.close()


async def test_an_answer_may_come_before_the_request_is_complete(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!")
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(get("", "Content-Length: 100000000").replace(b"GET", b"PUT"))
        writer.write(bytes(500_000))  # much of it unread when the answer is there
        said = await asyncio.wait_for(reader.read(), 20)
        assert said.startswith(b"HTTP/1.1 413 ")
        assert said.endswith(b"no!")
        writer.close()


async def test_a_client_that_says_no_more_still_gets_its_answer(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(0.2)
        writer.write(ok(b"late"))

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(get())
        writer.write_eof()
        assert (await asyncio.wait_for(reader.read(), 20)).endswith(b"late")
        writer.close()


async def test_events_are_passed_on_at_once_and_a_lost_reader_is_noticed(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(3):
            writer.write(b"data: %d\n\n" % number)
            await writer.drain()
            await asyncio.sleep(0.05)
        await reader.read()
        gone.set()

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(get())
        await read_head(reader)
        for number in range(3):
            event = await asyncio.wait_for(reader.readuntil(b"\n\n"), 20)
            assert event == b"data: %d\n\n" % number
        writer.transport.abort()
        await asyncio.wait_for(gone.wait(), 20)


BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
]


@pytest.mark.parametrize("answer", BROKEN, ids=["short", "no last chunk", "bad chunk"])
async def test_half_an_answer_is_never_a_whole_one(tmp_path: Path, answer: bytes) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        said = await proxy.ask(get())
        assert not said.endswith((b"0\r\n\r\n", b"0123456789"))
        assert answer.startswith(bare(said).replace(b"Connection: close\r\n", b""))


async def test_an_endless_answer_that_breaks_is_reset(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await writer.drain()
        await asyncio.sleep(0.1)
        if "breaks" in head:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async with proxied(tmp_path, upstream) as (proxy, _):
        assert (await proxy.ask(get("ends"))).endswith(b"some")
        with pytest.raises(ConnectionResetError):
            await proxy.ask(get("breaks"))


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("HEAD", 200), ("DELETE", 200), ("POST", 503)]
)
async def test_only_a_safe_request_is_sent_again(tmp_path: Path, method: str, status: int) -> None:
    requests = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        requests.append(head.split()[0])
        writer.write(ok(b""))
        await read_request(reader)
        requests.append("dropped")  # and the connection with it

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(get("", "Content-Length: 0"))
        await body_of(reader)
        body = b"x" if method == "POST" else b""
        again = get("", f"Content-Length: {len(body)}", "Connection: close") + body
        writer.write(again.replace(b"GET", method.encode()))
        said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert said.startswith(b"HTTP/1.1 %d" % status)
        assert requests == ["GET", "dropped", *([method] if status == 200 else [])]


@pytest.mark.parametrize(
    "answer",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
     b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
     b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n"],
)  # fmt: skip
async def test_an_answer_in_doubt_is_not_passed_on(tmp_path: Path, answer: bytes) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        await writer.drain()

    async with proxied(tmp_path, upstream) as (proxy, _):
        said = await proxy.ask(get("", "Connection: close"))
        assert said.startswith(b"HTTP/1.1 502 ")


async def test_an_old_client_gets_an_old_conversation(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        said = await proxy.ask(b"GET /user/ada/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"GET /user/ada/x HTTP/1.0\r\n" in said
        assert said.count(b"Connection: close") == 2


async def test_the_absolute_form_is_understood(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        said = await proxy.ask(
            b"GET http://edge/user/ada/x?y HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"
        )
        assert b"\r\n\r\nGET /user/ada/x?y HTTP/1.1\r\n" in said


async def test_a_head_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=("--header-timeout", "0.5")) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                await asyncio.sleep(0.05)
                writer.write(b"X")

        async with asyncio.timeout(20):
            task = asyncio.create_task(drip())
            said = await reader.read()
        task.cancel()
        writer.close()
        assert said.startswith(b"HTTP/1.1 408 ")


async def test_a_target_that_lets_nobody_in_is_given_up(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub):
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for one in (first, second):  # the queue is full now: a SYN more is dropped
                one.settimeout(0)
                one.connect_ex(full.getsockname())
            await hub.change({"/user/chen/": full.getsockname()[1]})
            await proxy.knows("/user/chen/", by=b"503 Service Unavailable", seconds=40)
            began = asyncio.get_running_loop().time()
            said = await proxy.get("/user/chen/")
            assert 4 < asyncio.get_running_loop().time() - began < 9.5
            assert said.startswith(b"HTTP/1.1 503 ")
