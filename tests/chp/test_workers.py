"""Several processes serve as one proxy: on one socket, with the same routes at every moment."""

import asyncio
import json
import os
import re
import signal
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.certificates import Files
from tests.chp.process import Chp, chp, refused
from tests.chp.test_handover import came, closed, come_and_go, ended, stop
from tests.integration.proxy_parts import echo, mirror, proxied, serving, telling, trickle
from tests.ports import free_port


def workers(said: str) -> list[int]:
    """Return the processes that serve beside the lead, as its log tells."""
    serve = [int(it) for it in re.findall(r"worker-serves pid=(\d+)", said)]
    over = {int(it) for it in re.findall(r"worker-(?:ended|hangs) pid=(\d+)", said)}
    return [it for it in serve if it not in over]


async def until_there(said: Callable[[], str], number: int, *gone: int) -> list[int]:
    """Wait until `number` processes serve beside the lead, none of them one of `gone`."""
    end = time.monotonic() + 40
    while len(found := workers(said())) < number or not set(found).isdisjoint(gone):
        assert time.monotonic() < end, said()
        await asyncio.sleep(0.02)
    return found


@asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    """Whoever connects now is served by another process."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Line:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def get(self, path: str) -> int:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        size = re.search(rb"content-length: (\d+)", head.lower())
        assert size, head
        await self.reader.readexactly(int(size[1]))
        return int(head[9:12])


@asynccontextmanager
async def line_of(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def beside(it: Chp) -> AsyncIterator[Line]:
    """A connection that another process than the lead serves."""
    async with stopped(it.process.pid), line_of(it.port) as line:
        assert await line.get("/no/route") == 404
        os.kill(it.process.pid, signal.SIGCONT)
        yield line


async def test_what_the_api_has_answered_is_so_in_every_process(tmp_path: Path) -> None:
    metrics = free_port()
    more = ("--workers", "2", "--metrics-ip", "127.0.0.1", "--metrics-port", str(metrics))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/kept", port)
        (pid,) = await until_there(it.said, 1)
        async with beside(it) as line:
            for number in range(60):
                path = f"/r{number % 7}/of%20{number}"
                await it.add(path, port)
                assert await line.get(f"{path}/x") == 200, number
                assert (await it.api.delete(f"/api/routes{path}")).status_code == 204
                assert await line.get(f"{path}/x") == 404, number
            before = (await it.routes())["/kept"]["last_activity"]
            await line.get("/kept/x")
            end = time.monotonic() + 30
            while (await it.routes())["/kept"]["last_activity"] == before:
                assert time.monotonic() < end, "the lead does not hear of use"
                await asyncio.sleep(0.1)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{metrics}") as of:
                seen = 'perijove_proxy_requests_total{status="404"} 61\n'
                while seen not in (told := (await of.get("/metrics")).text):
                    assert time.monotonic() < end, told
                    await asyncio.sleep(0.1)
                assert "perijove_proxy_connections 1\n" in told
                os.kill(pid, signal.SIGKILL)
                await until_there(it.said, 1, pid)
                told = (await of.get("/metrics")).text
                assert seen in told, "counters never fall"
                assert "perijove_proxy_connections 0\n" in told


async def test_one_that_is_killed_is_replaced_and_knows_the_routes(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--workers", "3") as it:
        await it.add("/a", port)
        gone = await until_there(it.said, 2)
        for pid in gone:
            os.kill(pid, signal.SIGKILL)
        await it.add("/b", port)
        left = await until_there(it.said, 2, *gone)
        for _ in range(10):
            async with beside(it) as line:
                assert [await line.get(path) for path in ("/a", "/b", "/c")] == [200, 200, 404]
    for pid in left:
        await ended(pid)


async def test_without_a_lead_none_serves_and_the_next_can_listen(tmp_path: Path) -> None:
    it = Chp(tmp_path, "--workers", "3")
    await it.start()
    left = await until_there(it.said, 2)
    await it.end(signal.SIGKILL)
    for pid in left:
        await ended(pid)
    assert "Traceback" not in it.said()
    (tmp_path / "log").unlink()
    again = Chp(tmp_path, "--workers", "3")
    again.port = it.port
    await again.start()
    assert await again.end() == 2


async def test_a_socket_of_the_machine_outlives_the_processes_that_end(tmp_path: Path) -> None:
    public, file = tmp_path / "public", tmp_path / "pid"
    it = Chp(tmp_path, "--workers", "2", "--pid-file", str(file))
    api = ("--api-ip", "127.0.0.1", "--api-port", str(it.api_port))
    await it.start(("--socket", str(public), *api))
    (pid,) = await until_there(it.said, 1)
    os.kill(pid, signal.SIGTERM)
    await ended(pid)
    (pid,) = await until_there(it.said, 1, pid)
    await came(it)
    await ended(pid)
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(public))) as web:
        assert (await web.get("http://x/nowhere")).status_code == 404
    await stop(it)
    assert not public.exists()
    await it.end()


async def test_one_that_hangs_serves_rightly_when_it_goes_on(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--workers", "2") as it:
        (pid,) = await until_there(it.said, 1)
        async with beside(it) as line:
            async with stopped(pid):
                far = f"http://127.0.0.1:{port}/{'x' * 8000}"
                for number in range(60):  # more than the socket between them holds
                    await it.add(f"/{number}", far)
            assert [await line.get(f"/{number}") for number in range(60)] == [200] * 60


async def test_several_processes_are_replaced_by_several_without_a_failure(tmp_path: Path) -> None:
    more = ("--workers", "3", "--pid-file", str(tmp_path / "pid"), "--handover-drain", "8")
    async with serve(echo, "127.0.0.1", 0) as server, serving(mirror) as port:
        it = Chp(tmp_path, *more)
        await it.start()
        await it.add("/", port)
        await it.add("/ws", server.sockets[0].getsockname()[1])
        old = [it.process.pid, *await until_there(it.said, 2)]
        async with stopped(it.process.pid):
            one = await connect(f"ws://127.0.0.1:{it.port}/ws")
        met, over = Counter[str](), asyncio.Event()
        crowd = [asyncio.create_task(come_and_go(it.port, met, over)) for _ in range(8)]
        await came(it)
        await asyncio.sleep(0.5)
        await one.send("after")
        assert await asyncio.wait_for(one.recv(), 20) == "after"
        await came(it)
        await asyncio.sleep(0.5)
        assert await closed(one) == 1001
        over.set()
        await asyncio.gather(*crowd)
        assert met.keys() == {"200"}, met
        for pid in old:
            await ended(pid)
        await stop(it)
        for pid in workers(it.said()):
            await ended(pid)
        assert "Traceback" not in it.said()
        await it.end()


async def test_running_answers_of_every_process_have_their_time_at_the_end(tmp_path: Path) -> None:
    asked = asyncio.Event()
    async with serving(telling(trickle(5, 0.2), asked)) as port:
        it = Chp(tmp_path, "--workers", "2", "--drain", "5")
        await it.start()
        await it.add("/", port)
        await until_there(it.said, 1)
        async with stopped(it.process.pid):
            download = asyncio.create_task(it.web.get("/slow"))
            await asyncio.wait_for(asked.wait(), 20)
        it.process.terminate()
        assert (await download).text == "x" * 5
        assert await it.ended() == 2
        await it.end()


async def test_every_process_shows_a_new_certificate(tmp_path: Path) -> None:
    files = Files(tmp_path)
    key, cert = files.signed("proxy")
    async with chp(tmp_path, "--workers", "2", "--ssl-key", key, "--ssl-cert", cert) as it:
        await until_there(it.said, 1)

        async def shown() -> bytes:
            async with stopped(it.process.pid):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", it.port, ssl=files.trusting()
                )
                tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
                found = tls.getpeercert(binary_form=True)
                writer.close()
                return found or b""

        before = await shown()
        files.signed("proxy")
        it.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while await shown() == before:
            assert time.monotonic() < end, it.said()
            await asyncio.sleep(0.05)


async def test_those_of_one_that_follows_a_hub_follow_it_too(tmp_path: Path) -> None:
    more = ("--workers", "2", "--activity-interval", "0.2")
    async with proxied(tmp_path, more=more) as (proxy, hub), serving(mirror) as port:
        (found,) = await until_there(proxy.said, 1)
        end = time.monotonic() + 60
        await hub.change({"/user/bob/": port})
        await proxy.knows("/user/bob/x", by=b"GET /user/bob/x")
        hub.reports.clear()
        async with stopped(proxy.pid):
            assert b"GET /user/bob/y" in await proxy.get("/user/bob/y")
        while not any("/user/bob/" in report for report in hub.reports):
            assert time.monotonic() < end, json.dumps(hub.reports)
            await asyncio.sleep(0.02)
        await hub.change({}, gone=("/user/bob/",))
        while b"hub:" not in await proxy.get("/user/bob/x"):
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        async with stopped(proxy.pid):
            assert b"hub:" in await proxy.get("/user/bob/x")
    await ended(found)


@pytest.mark.parametrize("number", ["0", "65", "-1", "two", "1.5"])
def test_a_senseless_number_of_processes_is_refused(number: str) -> None:
    done = refused("--workers", number)
    assert done.returncode == 1
    assert "1 to 64" in done.stderr
