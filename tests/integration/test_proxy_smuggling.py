"""Requests whose end two readers could see in different places are refused, and the line closed."""

import asyncio
from pathlib import Path

from tests.integration.proxy_parts import ok, proxied, read_head

LINE = b"POST /user/ada/x HTTP/1.1\r\n"
HOST = b"Host: edge\r\n"
CHUNK = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /user/ada/smuggled HTTP/1.1\r\nHost: edge\r\n\r\n"


def with_fields(*fields: bytes, body: bytes = b"") -> bytes:
    return LINE + HOST + b"".join(fields) + b"\r\n" + body


LENGTHS = [b"5, 5", b"+5", b"-5", b"0x5", b"5 5", b"", b"5;", b"\x0b5", b"5\x00", b"1e1", b"5_0"]
CODINGS = [
    *(b"chunked, chunked", b"gzip, chunked", b"chunked, identity", b"identity", b"xchunked"),
    *(b"chunked;q=1", b"\x0bchunked", b"chunked\x00", b"'chunked'", b"chun\tked", b",chunked", b""),
]
NAMES = [
    *(b"Content-Length : 5", b" Content-Length: 5", b"Content-Length\t: 5", b"Content Length: 5"),
    *(b"Transfer-Encoding : chunked", b"\tTransfer-Encoding: chunked", b"X: 1\r\n folded: y"),
    *(b"X: 1\r\n\tTransfer-Encoding: chunked", b"X:1\rTransfer-Encoding: chunked", b": empty"),
    *(b"X: 1\nTransfer-Encoding: chunked", b"X\x00: 1", b"X: \x001", b"X: \x7f", b"no colon"),
    *(b"X(): 1", b"X\xff: 1", b"Host: other", b"Host: a b", b"Host: a,b", b"Host: a/b@c"),
]
LINES = [
    *(b"GET  /user/ada/ HTTP/1.1", b"GET /user/ada/  HTTP/1.1", b" GET /user/ada/ HTTP/1.1"),
    *(b"GET\t/user/ada/\tHTTP/1.1", b"GET /user/ada/ HTTP/1.1 ", b"GET /user/ada/", b"GET"),
    *(b"GET /user/ada/ HTTP/2.0", b"GET /user/ada/ HTTP/1.2", b"GET /user/ada/ http/1.1"),
    *(b"GET /user/ada/ HTTP/1.1\r", b"GET /user/a\x00da/ HTTP/1.1", b"GET /user/\x01 HTTP/1.1"),
    *(b"GET /user/a da/ HTTP/1.1", b"GET user/ada/ HTTP/1.1", b"G=T /user/ada/ HTTP/1.1"),
    *(b"GET http://other/user/ada/ HTTP/1.1", b"GET * HTTP/1.1", b"CONNECT edge:80 HTTP/1.1"),
    *(
        b"GET ftp://edge/user/ada/ HTTP/1.1",
        b"\x16\x03\x01\x02\x00",
        b"GET /user/\xc3\xbc HTTP/1.1",
    ),
    *(b"PRI * HTTP/2.0", b"GET /user/ada/#x HTTP/1.1", b"GET /user/ada/%00 HTTP/1.1"),
    *(b"GET /user/ada/%0d%0a HTTP/1.1", b"GET /user/ada/% HTTP/1.1", b"GET /%u0041 HTTP/1.1"),
]
CHUNKS = [
    *(b"g\r\n", b"-1\r\n", b"0x1\r\nx\r\n", b"1 \r\nx\r\n", b" 1\r\nx\r\n", b"1\nx\r\n0\r\n\r\n"),
    *(b"1\r\nxx\r\n0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b"1\r\nx0\r\n\r\n", b"\r\n", b"1\r\rx\r\n"),
    *(
        b"fffffffffffffffff\r\n",
        b"1;a=\x00\r\n",
        b"1;\n\r\nx\r\n",
        b"0\r\nContent-Length: 9\r\n\r\n",
    ),
    *(
        b"0\r\nTransfer-Encoding: x\r\n\r\n",
        b"0\r\n x: folded\r\n\r\n",
        b"0\r\nX: 1\n\r\n\r\n",
        b"+1\r\n",
    ),
]
VECTORS = [
    *(with_fields(b"Content-Length: " + text + b"\r\n", body=b"hello") for text in LENGTHS),
    *(with_fields(b"Transfer-Encoding: " + text + b"\r\n", body=b"0\r\n\r\n") for text in CODINGS),
    *(with_fields(b"Content-Length: 5\r\n", CHUNK, body=b"0\r\n\r\n") for _ in "1"),
    *(with_fields(CHUNK, b"Content-Length: 0\r\n", body=b"0\r\n\r\n") for _ in "1"),
    *(with_fields(CHUNK, CHUNK, body=b"0\r\n\r\n") for _ in "1"),
    with_fields(b"Content-Length: 5\r\nContent-Length: 5\r\n", body=b"hello"),
    with_fields(b"Content-Length: 5\r\ncontent-length: 6\r\n", body=b"hello!"),
    with_fields(b"Connection: close, Content-Length\r\nContent-Length: 5, 6\r\n", body=b"hello"),
    *(with_fields(name + b"\r\n") for name in NAMES),
    *(line + b"\r\n" + HOST + b"\r\n" for line in LINES),
    *(with_fields(CHUNK, body=chunk) for chunk in CHUNKS),
    LINE + b"\r\n",
    b"GET /user/ada/ HTTP/1.1\nHost: edge\n\n",
    b"GET /user/ada/ HTTP/1.1\r\nHost: edge\n\r\n",
    b"GET /user/ada/ HTTP/1.1\r\nHost: edge\r\n\n",
    b"GET /user/ada/ HTTP/1.1\r\n\r\nHost: edge\r\n\r\n",
    b"POST /user/ada/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /user/ada/ HTTP/1.1\r\nHost: edge\r\n" + b"X: 1\r\n" * 300 + b"\r\n",
    b"GET /user/ada/" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: edge\r\n\r\n",
]

REFUSED = (b"HTTP/1.1 400 ", b"HTTP/1.1 414 ", b"HTTP/1.1 431 ")


async def test_every_request_in_doubt_is_refused_and_nothing_after_it_is_read(
    tmp_path: Path,
) -> None:
    seen: list[str] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_head(reader))
            if "chunked" not in seen[-1]:
                writer.write(ok(b"passed"))

    async with proxied(tmp_path, upstream) as (proxy, _):
        lenient = []
        for vector in VECTORS:
            said = await proxy.ask(vector + SMUGGLED)
            if not said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")) or b"passed" in said:
                lenient.append((vector[:200], said[:200]))
        assert not lenient
        assert len(VECTORS) >= 90
        assert not [head for head in seen if "smuggled" in head.splitlines()[0]]
        assert await proxy.serves()


async def test_what_only_looks_odd_is_served(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            if "chunked" in head.lower():
                await reader.readuntil(b"0\r\n\r\n")
            elif "Content-Length: 5" in head:
                await reader.readexactly(5)
            writer.write(ok(b"passed"))

    odd = [
        b"\r\n\r\n" + with_fields(b"Content-Length: 5\r\n", body=b"hello"),
        with_fields(
            b"Transfer-Encoding:   Chunked\r\n", body=b"00a;x=y\r\n0123456789\r\n0\r\n\r\n"
        ),
        with_fields(b"Content-Length:5\r\n", b"X: \xff\t\r\n", body=b"hello").replace(
            b":5", b": 5"
        ),
        with_fields(b"Content-Length: 0\r\n", b"Connection: ,,keep-alive,\r\n"),
    ]
    last = b"GET /user/ada/ HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"
    async with proxied(tmp_path, upstream) as (proxy, _):
        for request in odd:
            assert (await proxy.ask(request + last)).count(b"passed") == 2, request
