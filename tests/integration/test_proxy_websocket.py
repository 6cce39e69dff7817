"""WebSockets through the proxy, and how a proxy ends."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.integration.proxy_parts import (
    TOKEN,
    Hub,
    Proxy,
    echo,
    ok,
    proxied,
    read_head,
)


def address(proxy: Proxy, path: str = "/user/ada/ws") -> str:
    return f"ws://127.0.0.1:{proxy.port}{path}"


async def test_messages_of_all_sizes_come_back_as_they_were(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0, max_size=None, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with proxied(tmp_path) as (proxy, hub):
            await hub.change({"/user/ada/": port})
            await proxy.knows("/user/ada/", by=b"426 Upgrade Required")
            async with connect(address(proxy), max_size=None, origin="http://x") as one:  # type: ignore[arg-type]
                for message in ("", "hello", b"\x00\xff", os.urandom(70_000), "x" * 3_000_000):
                    await one.send(message)
                    assert await asyncio.wait_for(one.recv(), 20) == message
                await one.close(4001, "bye")
            assert one.close_code == 4001


async def test_a_refused_upgrade_is_an_answer_like_any_other(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            text = b"no" if "Upgrade: websocket" in head else b"plain"
            writer.write(ok(text).replace(b"200 OK", b"403 No") if text == b"no" else ok(text))

    async with proxied(tmp_path, upstream) as (proxy, _):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(address(proxy))
        assert refused.value.response.status_code == 403
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        head = "GET /user/ada/ HTTP/1.1\r\nHost: e\r\n"
        writer.write(f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
        assert (await reader.readuntil(b"no")).startswith(b"HTTP/1.1 403")
        writer.write(f"{head}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n".encode())
        assert (await reader.readuntil(b"plain")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_websocket_to_nobody_is_refused_with_its_status(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            await hub.change({"/user/ada/": taken.getsockname()[1]})
            await proxy.knows("/user/ada/", by=b"hub says 503")
            with pytest.raises(websockets.InvalidStatus) as refused:
                await connect(address(proxy))
            assert refused.value.response.status_code == 503


async def quiet(hub: Hub) -> int:
    """Return how many reports have come, once no more do."""
    count = -1
    while count != len(hub.reports):
        count = len(hub.reports)
        await asyncio.sleep(0.5)
    return count


async def test_frames_count_as_use(tmp_path: Path) -> None:
    more = ("--activity-interval", "0.1")
    async with (
        serve(echo, "127.0.0.1", 0) as server,
        proxied(tmp_path, more=more) as (proxy, hub),
    ):
        await hub.change({"/user/ada/": server.sockets[0].getsockname()[1]})
        await proxy.knows("/user/ada/", by=b"426 Upgrade Required")
        async with connect(address(proxy)) as one:
            told = await quiet(hub)
            await one.send("hello")
            await one.recv()
            async with asyncio.timeout(20):
                while len(hub.reports) == told:
                    await asyncio.sleep(0.02)
            assert await quiet(hub) <= told + 2  # what goes there, and what comes back


async def test_told_to_end_it_finishes_requests_and_says_1001_to_websockets(
    tmp_path: Path,
) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if "Upgrade" in head:
            writer.write(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            writer.write(b"\x81\x02hi")
            await reader.read()
            return
        await asyncio.sleep(0.5)
        writer.write(ok(b"in the end"))

    async with proxied(tmp_path, slow, ("--pid-file", str(tmp_path / "pid"))) as (proxy, _):
        assert (tmp_path / "pid").read_text() == f"{proxy.pid}\n"
        running = asyncio.create_task(proxy.get("/user/ada/"))
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\nConnection: Upgrade\r\n")
        writer.write(b"Upgrade: websocket\r\n\r\n")
        await read_head(reader)
        assert await reader.readexactly(4) == b"\x81\x02hi"
        began = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(reader.read(), 8) == b"\x88\x02\x03\xe9"
        assert await asyncio.wait_for(idle.read(), 8) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        assert (await running).endswith(b"in the end")
        writer.close()
        idle_writer.close()
        assert await proxy.process.wait() == 0
        assert time.monotonic() - began < 8  # ten seconds are theirs that do not end
        assert not (tmp_path / "pid").exists()


async def start_once(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    (tmp_path / "token").write_text(TOKEN)
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "perijove.proxy",
            "--ip",
            "127.0.0.1",
            "--hub",
            "http://127.0.0.1:1",
        ),
        *("--token-file", str(tmp_path / "token"), "--table", str(tmp_path / "t"), *arguments),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode or 0, said.decode()


async def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = await start_once(tmp_path, "--port", str(port))
    assert status == 1
    assert said == f"Another program listens on 127.0.0.1:{port}; choose another --port.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--token-file", "/nowhere"), "The token file /nowhere cannot be read."),
        (("--hub", "https://x"), "An option makes no sense: the hub's address is"),
        (("--trusted-proxies", "lan"), "An option makes no sense: 'lan' does not appear"),
    ],
)
async def test_an_option_that_makes_no_sense_is_said(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    status, said = await start_once(tmp_path, *arguments)
    assert status == 1
    assert said.startswith(words)
    assert said.count("\n") == 1


async def test_an_idle_proxy_is_small_and_its_log_names_no_query(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        await proxy.get("/user/ada/%zz?token=secret", "Cookie: secret")
        await proxy.get("/user/ada/?token=secret")
        assert proxy.rss() <= 30 * 2**20
        assert "refused" in proxy.said()
        assert "secret" not in proxy.said()
