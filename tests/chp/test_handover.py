"""Another process takes the place of a proxy; nobody who comes meanwhile is refused."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tests.bar import size
from tests.chp.process import Chp, chp
from tests.integration.proxy_parts import Proxy, echo, mirror, proxied, serving, trickle

TIMES = size(8, 3, 100)
CONNECTIONS = size(8, 1500, 50_000)
WEBSOCKETS = size(8, 30, 1000)


async def came(it: Chp) -> None:
    """Have another process take over; wait until it serves."""
    file = it.folder / "pid"
    before = file.read_text()
    os.kill(int(before), signal.SIGUSR2)
    end = time.monotonic() + 30
    while not file.exists() or file.read_text() == before:
        assert time.monotonic() < end, it.said()
        await asyncio.sleep(0.01)


async def ended(pid: int, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and _runs(pid):
        assert time.monotonic() < end, f"{pid} is still there"
        await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def stop(it: Chp) -> None:
    """End the newest process; the one that was started first has ended long ago."""
    pid = int((it.folder / "pid").read_text())
    os.kill(pid, signal.SIGTERM)
    await ended(pid)


async def come_and_go(port: int, met: Counter[str], over: asyncio.Event) -> None:
    """Ask again and again, by a new connection each time."""
    head = b"GET /x HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
    while not over.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            said = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            met[said[9:12].decode() or "nothing"] += 1
        except OSError as error:
            met[type(error).__name__] += 1


async def test_new_connections_are_all_answered_while_processes_replace_each_other(
    tmp_path: Path,
) -> None:
    more = ("--pid-file", str(tmp_path / "pid"), "--log-level", "info")
    async with serving(mirror) as port:
        it = Chp(tmp_path, *more)
        await it.start()
        await it.add("/", port, kept="this")
        first = it.process.pid
        met, over = Counter[str](), asyncio.Event()
        crowd = [asyncio.create_task(come_and_go(it.port, met, over)) for _ in range(8)]
        for number in range(TIMES):
            while met.total() < CONNECTIONS * (number + 1) / (TIMES + 1):
                await asyncio.sleep(0.02)
            await came(it)
        while met.total() < CONNECTIONS:
            await asyncio.sleep(0.02)
        over.set()
        await asyncio.gather(*crowd)
        assert met.keys() == {"200"}, met
        assert (await it.routes())["/"]["kept"] == "this"
        await ended(first)
        await stop(it)
        assert not (tmp_path / "pid").exists()
        assert "Traceback" not in it.said()
        assert "ResourceWarning" not in it.said()
        await it.end()


async def test_websockets_and_long_answers_outlive_the_process_that_is_replaced(
    tmp_path: Path,
) -> None:
    more = ("--pid-file", str(tmp_path / "pid"), "--handover-drain", "4")
    async with serve(echo, "127.0.0.1", 0) as server, serving(trickle(10, 0.2)) as port:
        it = Chp(tmp_path, *more)
        await it.start()
        await it.add("/ws", server.sockets[0].getsockname()[1])
        await it.add("/slow", port)
        old = it.process.pid
        ones = [await connect(f"ws://127.0.0.1:{it.port}/ws") for _ in range(WEBSOCKETS)]
        download = asyncio.create_task(it.web.get("/slow"))
        await asyncio.sleep(0.3)
        await came(it)
        began = time.monotonic()
        for one in ones:
            await one.send("after")
            assert await asyncio.wait_for(one.recv(), 20) == "after"
        assert (await download).text == "x" * 10
        codes = Counter(await asyncio.gather(*map(closed, ones)))
        assert codes == {1001: WEBSOCKETS}
        assert 2 < time.monotonic() - began < 12
        await ended(old)
        await stop(it)
        await it.end()


async def closed(one: ClientConnection) -> int | None:
    """Wait until the other side closes; return the code."""
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(one.recv(), 20)
    return one.close_code


async def test_one_that_does_not_come_up_leaves_the_old_one_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    more = ("--pid-file", str(tmp_path / "pid"), "--error-path", str(folder))
    async with chp(tmp_path, *more) as it:
        await it.add("/a", "http://a")
        folder.rmdir()  # it was good when this one began
        os.kill(it.process.pid, signal.SIGUSR2)
        end = time.monotonic() + 20
        while "did not come up" not in it.said():
            assert time.monotonic() < end, it.said()
            await asyncio.sleep(0.02)
        assert int((tmp_path / "pid").read_text()) == it.process.pid
        assert set(await it.routes()) == {"/a"}
        await it.add("/b", "http://b")
        assert (await it.web.get("/nowhere")).status_code == 404


async def next_of(pid: int) -> int:
    """Return the process that `pid` has just begun to start."""
    end = time.monotonic() + 30
    while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < end, "it starts none"
        await asyncio.sleep(0.001)
    return int(found[0])


async def test_one_that_is_killed_while_the_next_comes_up_is_replaced_all_the_same(
    tmp_path: Path,
) -> None:
    it = Chp(tmp_path, "--pid-file", str(tmp_path / "pid"))
    await it.start()
    await it.add("/a", "http://a")
    os.kill(it.process.pid, signal.SIGUSR2)
    new = await next_of(it.process.pid)
    it.process.kill()
    end = time.monotonic() + 20
    while (tmp_path / "pid").read_text() != f"{new}\n":
        assert time.monotonic() < end, it.said()
        await asyncio.sleep(0.02)
    assert set(await it.routes()) == {"/a"}
    await stop(it)
    assert "Traceback" not in it.said()
    await it.end()


async def test_one_that_is_told_to_end_while_the_next_comes_up_leaves_none(tmp_path: Path) -> None:
    async with chp(tmp_path, "--pid-file", str(tmp_path / "pid")) as it:
        os.kill(it.process.pid, signal.SIGUSR2)
        new = await next_of(it.process.pid)
        it.process.terminate()
        assert await asyncio.wait_for(it.process.wait(), 20) == 2
        await ended(new)
        assert not (tmp_path / "pid").exists()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", it.port)


async def test_sockets_of_the_machine_stay_for_the_new_process(tmp_path: Path) -> None:
    public = tmp_path / "public"
    it = Chp(tmp_path, "--pid-file", str(tmp_path / "pid"))
    await it.start(
        ("--socket", str(public), "--api-port", str(it.api_port), "--api-ip", "127.0.0.1")
    )
    old = it.process.pid
    await came(it)
    await ended(old)
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(public))) as web:
        assert (await web.get("http://x/nowhere")).status_code == 404
    await stop(it)
    assert not public.exists()
    await it.end()


async def upgraded(file: Path, *more: str) -> tuple[int, str, str]:
    """Return the exit code of `perijove proxy upgrade`, what it answers and what it remarks."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perijove", "proxy", "upgrade", "--pid-file", str(file), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, remarked = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, told.decode(), remarked.decode()


async def test_a_proxy_that_follows_a_hub_is_replaced_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    async with proxied(tmp_path, more=("--pid-file", str(file))) as (proxy, hub):
        old = proxy.pid
        code, told, _ = await upgraded(file, "-o", "json")
        assert code == 0
        new = int(file.read_text())
        assert json.loads(told) == {"pid": new, "before": old}
        await ended(old)
        async with serving(mirror) as port:
            await hub.change({"/user/bob/": port})
            await knows(proxy, "/user/bob/x")
        (tmp_path / "token").unlink()  # without it, the next one does not start
        code, _, remarked = await upgraded(file)
        assert (code, "the old one goes on serving" in remarked) == (1, True)
        assert int(file.read_text()) == new
        os.kill(new, signal.SIGTERM)
        await ended(new)
        assert not file.exists()
        code, _, remarked = await upgraded(file)
        assert (code, "Cannot read" in remarked) == (2, True)
        file.write_text(f"{os.getpid()}")
        code, _, remarked = await upgraded(file)
        assert (code, "is no proxy" in remarked) == (1, True)


async def knows(proxy: Proxy, path: str) -> None:
    end = time.monotonic() + 20
    while b"GET /user/bob/x" not in await proxy.get(path):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
