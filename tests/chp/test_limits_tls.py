"""The limits of one client hold behind TLS as they do without, and so do the ways out of them."""

import asyncio
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest

from tests.certificates import Files
from tests.chp.process import chp
from tests.integration.proxy_parts import serving
from tests.integration.test_proxy_limits import refused
from tests.integration.test_proxy_pace import much
from tests.ports import free_port

HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def test_who_is_turned_away_is_told_so_and_health_is_answered(
    tmp_path: Path, files: Files
) -> None:
    key, cert = files.signed("proxy")
    tls = files.trusting()
    async with chp(tmp_path, "--ssl-key", key, "--ssl-cert", cert, "--max-connections", "1") as it:
        _, writer = await asyncio.open_connection("127.0.0.1", it.port, ssl=tls)
        writer.write(HALF)
        await asyncio.sleep(0.2)
        async with httpx.AsyncClient(verify=tls, base_url=f"https://127.0.0.1:{it.port}") as web:
            said = await web.get("/x")
            assert said.status_code == 503
            assert said.headers["retry-after"]
            assert "Too many connections are open just now." in said.text
            assert (await web.get("/_chp_healthz")).status_code == 200
        writer.transport.abort()


async def test_those_who_make_room_are_gone_at_once(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    limits = ("--trusted-proxies", "192.0.2.0/24", "--max-connections-per-address", "10")
    async with chp(tmp_path, "--ssl-key", key, "--ssl-cert", cert, *limits) as it:
        descriptors = Path(f"/proc/{it.process.pid}/fd")
        before = len(list(descriptors.iterdir()))
        tls = files.trusting()

        def come() -> ssl.SSLSocket:  # and say nothing, not even that it may be closed
            line = socket.create_connection(("127.0.0.1", it.port), 10)
            return tls.wrap_socket(line, server_hostname="proxy")

        crowd = [await asyncio.to_thread(come) for _ in range(60)]
        end = time.monotonic() + 8
        while len(list(descriptors.iterdir())) > before + 11:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        for one in crowd:
            one.close()


async def test_who_brings_or_takes_nothing_is_given_up(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    tls, metrics = files.trusting(), free_port()
    more = ("--ssl-key", key, "--ssl-cert", cert, "--body-timeout", "1.5",
            "--reader-timeout", "1.5", "--metrics-ip", "127.0.0.1",
            "--metrics-port", str(metrics))  # fmt: skip

    async def waits(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass

    async with (
        serving(much(100_000_000)) as big,
        serving(waits) as silent,
        chp(tmp_path, *more) as it,
    ):
        await it.add("/", big)
        await it.add("/silent", silent)
        deaf = await asyncio.open_connection("127.0.0.1", it.port, ssl=tls, limit=1000)
        deaf[1].write(HALF + b"\r\n")
        mute = await asyncio.open_connection("127.0.0.1", it.port, ssl=tls)
        mute[1].write(b"PUT /silent HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        end = time.monotonic() + 30
        while await refused(metrics) != {"slow-reader": 1, "slow-body": 1}:
            assert time.monotonic() < end, await refused(metrics)
            await asyncio.sleep(0.1)
        for _, writer in (deaf, mute):
            writer.transport.abort()
