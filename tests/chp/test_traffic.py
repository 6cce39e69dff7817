"""Routes are told, changed and taken away through the API, and nobody on another one notices."""

import asyncio
from collections import Counter
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.chp.process import Chp, chp
from tests.integration.proxy_parts import echo, mirror, ok, read_request, serving, trickle

ROUNDS = 40
HEAD = b"POST /user/ada/x HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n\r\nhi"


async def named(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(ok(b"I am the other"))


async def keep_asking(it: Chp, met: Counter[str], over: asyncio.Event) -> None:
    """Ask on one connection until it is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    while not over.is_set():
        writer.write(HEAD)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        await reader.readuntil(b"\r\n\r\nhi")
        met[head[9:12].decode()] += 1
    writer.close()


async def keep_coming(it: Chp, met: Counter[str], over: asyncio.Event) -> None:
    """Ask by a new connection each time."""
    while not over.is_set():
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(HEAD.replace(b"Host: e", b"Host: e\r\nConnection: close"))
        said = await asyncio.wait_for(reader.read(), 20)
        assert said.endswith(b"hi")
        met[said[9:12].decode()] += 1
        writer.close()


async def keep_talking(it: Chp, met: Counter[str], over: asyncio.Event) -> None:
    async with connect(f"ws://127.0.0.1:{it.port}/ws") as one:
        while not over.is_set():
            await one.send("hello")
            assert await asyncio.wait_for(one.recv(), 20) == "hello"
            met["frames"] += 1


async def test_routes_come_and_go_under_traffic_without_an_error(tmp_path: Path) -> None:
    async with (
        serving(mirror) as ada,
        serving(named) as other,
        serving(trickle(20, 0.05)) as slow,
        serve(echo, "127.0.0.1", 0) as sockets,
        chp(tmp_path) as it,
    ):
        await it.add("/user/ada", ada)
        await it.add("/slow", slow)
        await it.add("/ws", sockets.sockets[0].getsockname()[1])
        met, over = Counter[str](), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for way in (keep_asking, keep_asking, keep_asking, keep_coming, keep_talking):
                group.create_task(way(it, met, over))
            download = asyncio.create_task(it.web.get("/slow"))
            for number in range(ROUNDS):
                await it.add(f"/user/u{number}", other)
                await it.add("/user/ada/lab", other)  # below one that is in use
                await it.add("/user/eve", ada)  # to the same place
                assert (await it.web.get("/user/ada/lab")).text == "I am the other"
                await it.add("/user/eve", other)
                await it.add("/user/ada", ada, round=number)  # the same again
                for path in ("/user/ada/lab", "/user/eve", f"/user/u{number}"):
                    gone = await it.api.delete(f"/api/routes{path}")
                    assert gone.status_code == 204
            assert (await download).text == "x" * 20
            over.set()
        assert met.keys() == {"200", "frames"}, met
        assert met["200"] > ROUNDS * 5
        assert set(await it.routes()) == {"/user/ada", "/slow", "/ws"}
        for path in ("/user/eve", "/user/u1"):
            assert (await it.web.get(path)).status_code == 404
