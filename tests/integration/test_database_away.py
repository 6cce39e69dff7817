"""A database that is away: waited for, told in a sentence, nothing lost."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from statistics import median
from typing import TypeAlias

import httpx
import pytest

from perijove.core.instances import own
from perijove.kit.tasks import in_background
from perijove.model.errors import DatabaseAway
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store import feed, instance, room
from perijove.store.mysql_connection import DIALECT as MYSQL
from perijove.store.mysql_connection import connect
from perijove.store.mysql_words import in_our_words as in_mysql_words
from perijove.store.open import open_database
from perijove.store.postgres import DIALECT as POSTGRES
from perijove.store.postgres import PostgresDatabase
from perijove.store.postgres_words import in_our_words as in_postgres_words
from tests import parts
from tests.bar import size
from tests.databases import OURS, empty
from tests.mariadb import MariaDb
from tests.mariadb import made as made_mariadb
from tests.postgres import Postgres, made, programs

of({"hub": {"config": {"JupyterHub": {}}}})  # settings read their tables when they are first used
SECONDS = size(9, 3.0, 30.0)
"""How long it is away."""
ADMIN = {"authorization": f"token {parts.ADMIN_TOKEN}"}


Server: TypeAlias = Postgres | MariaDb


@pytest.fixture(params=OURS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """Run a server that a test may stop."""
    folder = programs()
    with made(folder) if request.param == "postgres" and folder else made_mariadb() as it:
        it.start()
        await empty(it.url)
        yield it


async def test_while_it_is_away_the_hub_says_so_and_loses_nothing(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = await open_database(server.url)
    running = await parts.hub(database, FakeSpawner("i"), first=tmp_path / "first", replica="one")
    ada = await parts.user(running)
    transport = httpx.ASGITransport(app=running.app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://hub/hub") as client,
        in_background(running.life.run()),
    ):
        await running.hub.servers.start(ada, "", {})
        await until(client, "ready")
        wish = await client.delete("/api/users/ada/server", headers=ADMIN)
        assert wish.status_code in {202, 204}
        await asyncio.to_thread(server.stop)
        end, health = time.monotonic() + SECONDS, list[float]()
        while time.monotonic() < end:
            health.append(await ask_everything(client))
        assert median(health) <= 0.05
        assert max(health) < 5, "a busy machine; who waits for the database does so for longer"
        await asyncio.to_thread(server.start)
        await until(client, "stopped")
        assert (await client.post("/api/users/ada/server", headers=ADMIN)).status_code == 202
        await until(client, "ready")
    await database.close()
    told = [it for it in caplog.records if it.name.startswith(("perijove", "asyncpg"))]
    assert not [it for it in told if it.exc_info], "an outage is no bug"
    assert len([it for it in told if it.levelname == "WARNING"]) < 12


async def ask_everything(client: httpx.AsyncClient) -> float:
    """Ask while the database is away: 503 and the reason, never that something is not there.

    Return how many seconds it took to say that the hub is well.
    """
    began = time.monotonic()
    assert (await client.get("/health")).status_code == 200
    took = time.monotonic() - began
    somebody = {"authorization": "token x"}
    for path, who in (
        ("/users/ada", ADMIN), ("/users", ADMIN), ("/users/ada/tokens", ADMIN), ("/user", somebody),
    ):  # fmt: skip
        answer = await client.get(f"/api{path}", headers=who)
        assert (answer.status_code, answer.json()["code"]) == (503, "database-away"), path
    assert (await client.post("/api/users/ada/server", headers=ADMIN)).status_code == 503
    page = await client.get("/home", headers={"cookie": "jupyterhub-hub-login=x"})
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert "The database does not answer." in page.text
    return took


async def until(client: httpx.AsyncClient, what: str) -> None:
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/api/users/ada/server", headers=ADMIN)
            if answer.status_code == 200 and answer.json()[what]:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def asleep_on_mariadb(url: str) -> AsyncIterator[None]:
    """Hold what `room.one_by_one` locks, and say nothing more; at the end, find that it is lost."""
    cursor = (await asyncio.to_thread(connect, url)).cursor()
    sql, parameters = room.one_by_one().on(MYSQL)
    await asyncio.to_thread(lambda: cursor.execute(sql, parameters))
    yield
    with pytest.raises(DatabaseAway), in_mysql_words():
        await asyncio.to_thread(lambda: cursor.execute(sql, parameters))


@asynccontextmanager
async def asleep_on_postgres(url: str) -> AsyncIterator[None]:
    asleep = await open_database(url)
    assert isinstance(asleep, PostgresDatabase)
    sql, parameters = room.one_by_one().on(POSTGRES)
    async with asleep._pool.acquire() as connection:
        await connection.transaction().start()
        await connection.execute(sql, *parameters)
        yield
        with pytest.raises(DatabaseAway), in_postgres_words():
            await connection.execute(sql, *parameters)
    await asleep.write(room.one_by_one())
    await asleep.close()


async def test_a_hub_that_falls_asleep_in_a_transaction_keeps_nobody_waiting(
    server: Server,
) -> None:
    awake = await open_database(server.url)
    await own(awake, "i")
    asleep = asleep_on_mariadb if isinstance(server, MariaDb) else asleep_on_postgres
    async with asleep(server.url), asyncio.timeout(30):
        await awake.write(room.one_by_one())  # a statement may take ten seconds
    await awake.close()


def all_of(server: Server) -> list[int]:
    """Return its processes: PostgreSQL has one for each connection."""
    assert server.process
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *map(int, children.split())]


async def test_a_server_that_hangs_is_away_and_comes_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mysql.PATIENCE", "mysql_connection.PATIENCE", "postgres._PATIENCE"):
        monkeypatch.setattr(f"perijove.store.{name}", 1.5)
    database = await open_database(server.url)
    await own(database, "i")
    processes = all_of(server)
    for pid in processes:
        os.kill(pid, SIGSTOP)
    try:
        began = time.monotonic()
        asked = [database.read(instance.get()) for _ in range(100)]
        found = await asyncio.gather(*asked, database.write(feed.raised()), return_exceptions=True)
        assert {type(it) for it in found} == {DatabaseAway}
        assert time.monotonic() - began < 12
    finally:
        for pid in processes:
            os.kill(pid, SIGCONT)
    assert await database.read(instance.get()) == "i"
    await database.write(feed.raised())
    await database.close()
