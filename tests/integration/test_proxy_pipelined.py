"""Many messages in one read, and what comes before it is due: nobody is lost, nothing piles up."""

import asyncio
import re
import time
from pathlib import Path

from tests.integration.proxy_parts import mirror, ok, proxied, read_head, read_request

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


async def test_thousands_of_requests_that_the_proxy_answers_itself(tmp_path: Path) -> None:
    one = b"GET /_chp_healthz HTTP/1.1\r\nHost: e\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with proxied(tmp_path) as (proxy, _):
        said = await proxy.ask(one * 5000 + last)
        assert said.count(b'{"status": "OK"}') == 5001
    assert "error" not in proxy.said().lower()


async def test_more_requests_than_a_buffer_holds_while_one_is_answered(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            if "/first" in head:
                await asyncio.sleep(0.3)
            writer.write(ok(head.split()[1].encode()))

    def ask(name: str, fields: str = "") -> bytes:
        return f"GET /user/ada/{name} HTTP/1.1\r\nHost: e\r\n{fields}\r\n".encode()

    async with proxied(tmp_path, slow) as (proxy, _):
        many = [ask(f"{number}", "X: " + "x" * 400 + "\r\n") for number in range(1000)]
        said = await proxy.ask(
            ask("first") + b"".join(many) + ask("last", "Connection: close\r\n"), 30
        )
        paths = re.findall(rb"/user/ada/([a-z0-9]+)", said)
        assert paths == [b"first", *(b"%d" % number for number in range(1000)), b"last"]


async def test_blank_lines_gain_no_time_and_cost_none(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=("--header-timeout", "1")) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        async def drip() -> None:
            while True:
                writer.write(b"\r\n")
                await asyncio.sleep(0.6)

        task = asyncio.create_task(drip())
        async with asyncio.timeout(20):
            said = await reader.read()
        task.cancel()
        writer.close()
        assert said.startswith(b"HTTP/1.1 408 ")
        began = time.monotonic()
        assert (await proxy.ask(b"\r\n" * 500_000)).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began < 10


async def test_frames_that_come_before_the_switch_are_passed_on_and_so_are_later_ones(
    tmp_path: Path,
) -> None:
    early, later = bytes(300_000), b"x" * 1000
    got = asyncio.get_running_loop().create_future()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"\r\n")
        await writer.drain()
        got.set_result(await reader.readexactly(len(early) + len(later)))

    async with proxied(tmp_path, upstream) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n" + UPGRADE + b"\r\n" + early)
        assert (await read_head(reader)).startswith("HTTP/1.1 101 ")
        writer.write(later)
        assert await asyncio.wait_for(got, 20) == early + later
        writer.close()


async def test_a_kept_connection_on_which_nobody_was_asked_is_not_used(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        writer.write(ok(head.split()[0].encode()))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await writer.drain()
        await reader.read()

    async with proxied(tmp_path, upstream) as (proxy, _):
        for _ in range(5):
            assert b"GET" in await proxy.get("/user/ada/")
            await asyncio.sleep(0.1)
            post = b"POST /user/ada/ HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
            said = await proxy.ask(post)
            assert said.endswith(b"POST"), said
            await asyncio.sleep(0.1)


async def test_a_stranger_who_says_close_ends_nobody_else(tmp_path: Path) -> None:
    async with proxied(tmp_path, mirror) as (proxy, _):
        for _ in range(3):
            await proxy.get("/user/ada/", "Proxy-Connection: close")
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\nProxy-Connection: close\r\n\r\n")
            await read_head(reader)
            assert b" 200 OK" in await proxy.get("/user/ada/")
            writer.close()
