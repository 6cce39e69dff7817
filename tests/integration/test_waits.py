"""Requests that wait for a start or a stop: slow_spawn_timeout and slow_stop_timeout above 0."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from perijove.app import Running, running_hub
from perijove.cli.listen import End, listener, serve
from perijove.core.trail import Asked
from perijove.http.gathered import Gathered
from perijove.kit.journal import Journal
from perijove.kit.tasks import in_background
from perijove.model.server import Phase
from perijove.model.workload import Observation, State
from perijove.settings import of
from perijove.settings.problem import BadConfig
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, hub, parts
from tests.ports import free_port

BY = {"authorization": f"token {ADMIN_TOKEN}"}


def waiting(spawn: float = 60.0, stop: float = 60.0) -> dict[str, Any]:
    told = {"slow_spawn_timeout": spawn, "slow_stop_timeout": stop}
    config = {"JupyterHub": {"tornado_settings": told}}
    return {"hub": {"config": config, "allowNamedServers": True}}


LONG, SHORT = of(waiting()), of(waiting(0.3, 0.3))
NOT, LONGEST = of(waiting(0, 0)), of(waiting(600, 600))


class Door:
    """Lets a start or a stop through when a test says so."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def answers(self, url: str) -> bool:
        return url.startswith("http") and self.open.is_set()


class Slow(FakeSpawner):
    """Stops when a test says so."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance)
        self.may_stop = asyncio.Event()

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        if self.may_stop.is_set():
            await super().stop(name, incarnation, force=force)


@asynccontextmanager
async def served(
    database: Database, settings: Any, spawner: FakeSpawner | None = None, **more: Any
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    spawner = spawner or FakeSpawner("i")
    async with running_hub(settings, parts(database, spawner, **more)) as running:
        spawner.instance = running.life.instance.id
        await running.hub.accounts.add("ada")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers=BY,
            timeout=20,
        ) as client:
            yield running, client


async def test_a_start_that_is_ready_in_time_is_201_and_a_stop_204(database: Database) -> None:
    async with served(database, LONG) as (_, client):
        made = await client.post("/users/ada/server")
        assert (made.status_code, made.content) == (201, b"")
        assert made.headers["content-type"].startswith("text/plain")
        shown = (await client.get("/users/ada/server")).json()
        assert (shown["ready"], shown["pending"]) == (True, None)
        assert (await client.post("/users/ada/server")).status_code == 400  # it runs
        stopped = await client.delete("/users/ada/server")
        assert (stopped.status_code, stopped.content) == (204, b"")
        assert (await client.get("/users/ada/server")).json()["stopped"]
        assert (await client.delete("/users/ada/server")).status_code == 204


async def test_what_is_removed_is_gone_when_the_answer_comes(database: Database) -> None:
    async with served(database, LONG) as (_, client):
        assert (await client.post("/users/ada/servers/lab")).status_code == 201
        loop = asyncio.get_running_loop()
        began = loop.time()
        gone = await client.request("DELETE", "/users/ada/servers/lab", json={"remove": True})
        assert gone.status_code == 204
        assert loop.time() - began < 30
        assert (await client.get("/users/ada/servers/lab")).status_code == 404


async def test_what_takes_longer_is_202_and_goes_on(database: Database) -> None:
    door, spawner = Door(), Slow("i")
    async with served(database, SHORT, spawner, knock=door.answers) as (running, client):
        assert (await client.post("/users/ada/server")).status_code == 202
        assert (await client.get("/users/ada/server")).json()["pending"] == "spawn"
        assert (await client.post("/users/ada/server")).status_code == 202  # it starts already
        door.open.set()
        async with asyncio.timeout(30):
            while not (await client.get("/users/ada/server")).json()["ready"]:
                await asyncio.sleep(0.05)
        assert (await client.delete("/users/ada/server")).status_code == 202
        assert (await client.get("/users/ada/server")).json()["pending"] == "stop"
        again = await client.post("/users/ada/server")
        assert again.status_code == 400
        assert "pending stop" in again.json()["message"]
        spawner.may_stop.set()
        async with asyncio.timeout(20):
            while not (await client.get("/users/ada/server")).json()["stopped"]:
                await asyncio.sleep(0.05)
        assert running.hub.progress._watched == {}


async def asked_for(client: httpx.AsyncClient) -> asyncio.Task[httpx.Response]:
    """Ask for a start, and return its answer to come once the wish is written."""
    asked = asyncio.create_task(client.post("/users/ada/server"))
    async with asyncio.timeout(20):
        while (await client.get("/users/ada/server")).status_code != 200:
            await asyncio.sleep(0.02)
    return asked


async def test_a_second_request_for_the_same_start_does_not_wait(database: Database) -> None:
    door = Door()
    async with served(database, LONG, knock=door.answers) as (_, client):
        first = await asked_for(client)
        assert (await client.post("/users/ada/server")).status_code == 202
        assert not first.done()
        door.open.set()
        assert (await first).status_code == 201


async def test_a_start_that_fails_is_500_and_says_why_as_its_stream_does(
    database: Database,
) -> None:
    class Exits(FakeSpawner):
        async def start(self, spec: Any) -> None:
            await super().start(spec)
            self.become(spec.name, Observation(state=State.EXITED, origin=spec.origin, exit_code=3))

    async with served(database, LONG, Exits("i")) as (running, client):
        answer = await client.post("/users/ada/server")
        assert (answer.status_code, answer.json()["status"]) == (500, 500)
        assert answer.json()["code"] == "exited"
        assert answer.json()["params"] == {"exit_code": 3}
        assert "exit code 3" in answer.json()["message"]
        shown = (await client.get("/users/ada/server")).json()
        assert (shown["stopped"], shown["pending"]) == (True, None)
        events = (await client.get("/users/ada/server/progress")).text
        assert '"failed": true' in events
        assert answer.json()["message"] in json.loads(events.removeprefix("\n\ndata: "))["message"]
        assert running.hub.progress._watched == {}


async def test_a_start_that_is_taken_back_in_time_is_500(database: Database) -> None:
    door = Door()
    async with served(database, LONG, knock=door.answers) as (_, client):
        start = await asked_for(client)
        assert (await client.delete("/users/ada/server")).status_code == 204
        answer = await start
        assert (answer.status_code, answer.json()["code"]) == (500, "cancelled")


async def test_nobody_waits_where_the_settings_say_so(database: Database) -> None:
    door = Door()
    door.open.set()
    async with served(database, NOT, knock=door.answers) as (_, client):
        assert (await client.post("/users/ada/server")).status_code == 202
    assert (of({}).hub.config.jupyterhub.tornado_settings.slow_spawn_timeout) == 0


@pytest.mark.parametrize("bad", [-1, "soon", 601])
def test_a_time_that_makes_no_sense_is_refused(bad: Any) -> None:
    with pytest.raises(BadConfig, match="slow_spawn_timeout"):
        of(waiting(bad))


async def test_who_has_hung_up_keeps_nothing_waiting(database: Database) -> None:
    """A real socket: the start goes on, and nothing is left of the request."""
    door, port = Door(), free_port()
    async with served(database, LONGEST, knock=door.answers) as (running, _):
        server = uvicorn.Server(uvicorn.Config(
            running.app, port=port, http=Gathered, log_level="error", lifespan="off",
            proxy_headers=False, server_header=False,
        ))  # fmt: skip
        work = asyncio.create_task(server.serve())
        reader, writer = await _connected(port)
        head = "POST /hub/api/users/ada/server HTTP/1.1\r\nHost: x\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in {**BY, "Content-Length": "0"}.items()
        )
        writer.write(f"{head}\r\n".encode())
        async with asyncio.timeout(30):
            while not running.hub.progress._watched:
                await asyncio.sleep(0.02)
            writer.close()
            while running.hub.progress._watched:
                await asyncio.sleep(0.02)
        assert not await reader.read()
        door.open.set()
        ada = await running.hub.accounts.named("ada")
        assert ada is not None
        async with asyncio.timeout(30):
            while True:
                row = await running.hub.servers.find(ada, "")
                if row is not None and row.phase is Phase.RUNNING:
                    break
                await asyncio.sleep(0.05)
        server.should_exit = True
        await work


async def test_a_hub_that_ends_answers_who_waits_and_leaves_an_entry_of_all_it_cuts(
    database: Database, tmp_path: Path
) -> None:
    """As at SIGTERM: what does not end in two seconds is cut; a start goes on all the same."""
    door, port, end = Door(), free_port(), End()
    journal = Journal(tmp_path / "audit.log")

    async def half() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with served(database, LONGEST, knock=door.answers, journal=journal) as (running, _):
        work = asyncio.create_task(serve(running.app, listener("127.0.0.1", port), end))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/hub/api") as client:
            start = asyncio.create_task(client.post("/users/ada/server", headers=BY))
            stuck = asyncio.create_task(client.post("/users", headers=BY, content=half()))
            async with asyncio.timeout(30):
                while not running.hub.progress._watched:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.5)  # the other is read meanwhile
                end()
                await work
            await asyncio.to_thread(journal.close)  # what comes later is lost
            assert (await start).status_code == 202
            stuck.cancel()
        entries = {it["call"]: it["status"] for it in await running.hub.trail.all(Asked())}
        assert entries == {"POST /users/{user}/server": 202, "POST /users": 500}


async def test_a_start_that_another_hub_carries_out_is_waited_for(database: Database) -> None:
    """One hub takes the request and drives nothing; the other drives, and does not know of it."""
    world = FakeSpawner("i")
    here = await hub(database, world, tree=waiting())
    there = await hub(database, world, tree=waiting())
    await here.hub.accounts.add("ada")
    async with (
        in_background(there.life.run()),
        in_background(here.life.feed.run()),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=here.app),
            base_url="http://hub/hub/api",
            headers=BY,
            timeout=20,
        ) as client,
    ):
        assert (await client.post("/users/ada/servers/lab")).status_code == 201
        assert (await client.delete("/users/ada/servers/lab")).status_code == 204


async def test_many_that_wait_hold_up_nobody(database: Database) -> None:
    """Neither a thread nor a transaction: others write and read meanwhile."""
    door = Door()
    async with served(database, LONG, knock=door.answers) as (running, client):
        names = [f"u{n:02}" for n in range(60)]
        await running.hub.newcomers.add(names)
        starts = [asyncio.create_task(client.post(f"/users/{it}/server")) for it in names]
        async with asyncio.timeout(60):
            while len(running.hub.progress._watched) < len(names):
                await asyncio.sleep(0.02)
            assert (await client.post("/users/eve")).status_code == 201
            assert (await client.get("/users/eve")).status_code == 200
            door.open.set()
            assert {(await it).status_code for it in starts} == {201}


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
