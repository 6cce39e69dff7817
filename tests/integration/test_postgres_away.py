"""PostgreSQL that cannot be used: told in a sentence at the start, waited for afterwards."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from perijove.core.instances import own
from perijove.kit.tasks import in_background
from perijove.model.errors import DatabaseAway, HubError, Refused
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store import room, rows
from perijove.store.once import reading
from perijove.store.open import open_database
from perijove.store.postgres import DIALECT, PostgresDatabase
from perijove.store.postgres_words import in_our_words, require_fitting
from tests import parts
from tests.bar import size
from tests.postgres import Postgres, made, programs

of({"hub": {"config": {"JupyterHub": {}}}})  # settings read their tables when they are first used
pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not here")
SECONDS = size(9, 3.0, 30.0)
"""How long it is away."""
ADMIN = {"authorization": f"token {parts.ADMIN_TOKEN}"}


@pytest.fixture
def postgres_alone() -> Iterator[Postgres]:
    folder = programs()
    assert folder
    with made(folder) as it:
        it.start()
        yield it


async def test_while_it_is_away_the_hub_says_so_and_loses_nothing(
    postgres_alone: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = await open_database(postgres_alone.url)
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
        await asyncio.to_thread(postgres_alone.stop)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            await ask_everything(client)
        await asyncio.to_thread(postgres_alone.start)
        await until(client, "stopped")
        assert (await client.post("/api/users/ada/server", headers=ADMIN)).status_code == 202
        await until(client, "ready")
    await database.close()
    told = [it for it in caplog.records if it.name.startswith("perijove")]
    assert not [it for it in told if it.exc_info], "an outage is no bug"
    assert len([it for it in told if it.levelname == "WARNING"]) < 12


async def ask_everything(client: httpx.AsyncClient) -> None:
    """Ask while the database is away: 503 and the reason, never that something is not there."""
    began = time.monotonic()
    assert (await client.get("/health")).status_code == 200
    assert time.monotonic() - began < 0.5
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


async def until(client: httpx.AsyncClient, what: str) -> None:
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/api/users/ada/server", headers=ADMIN)
            if answer.status_code == 200 and answer.json()[what]:
                return
            await asyncio.sleep(0.05)


async def refusal(url: str) -> HubError:
    with pytest.raises((Refused, DatabaseAway)) as found:
        await open_database(url)
    assert isinstance(found.value, HubError)
    return found.value


async def test_what_keeps_it_from_being_opened_is_named(postgres_alone: Postgres) -> None:
    url = postgres_alone.url
    assert (await refusal(url.replace("/postgres", "/nothing"))).code == "database-none"
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    await connection.execute("CREATE ROLE lin LOGIN PASSWORD 'right'")
    await connection.close()
    latin = await refusal(url.replace("/postgres", "/latin"))
    assert (latin.code, latin.params) == ("database-encoding", {"encoding": "LATIN1"})
    access = postgres_alone.data / "pg_hba.conf"
    access.write_text("host all perijove all trust\nhost all all all scram-sha-256\n")
    postgres_alone.stop()
    postgres_alone.start()
    assert (await refusal(url.replace("perijove@", "lin:wrong@"))).code == "database-password"
    assert (await refusal(url.replace("perijove@", "nobody@"))).code == "database-password"
    with pytest.raises(Refused, match="database-password"):  # a command as well
        await asyncio.to_thread(reading, url.replace("perijove@", "lin:wrong@"), rows.count)
    await asyncio.to_thread(postgres_alone.stop)
    assert (await refusal(url)).code == "database-away"
    with pytest.raises(DatabaseAway):
        await asyncio.to_thread(reading, url, rows.count)


async def test_who_may_not_make_tables_and_what_can_only_be_read_are_named(
    postgres_alone: Postgres,
) -> None:
    url = postgres_alone.url
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE ROLE eve LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert (await refusal(url.replace("perijove@", "eve@"))).code == "database-rights"
    database = await open_database(url)
    assert isinstance(database, PostgresDatabase)
    await own(database, "i")
    await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await connection.execute("SELECT pg_reload_conf()")

    async def write_on() -> None:
        while True:
            await database.write(room.one_by_one())

    with pytest.raises(DatabaseAway, match="database-read-only"):
        await asyncio.wait_for(write_on(), 10)
    await asyncio.gather(database.close(), connection.close())


@pytest.mark.parametrize(("version", "encoding"), [(12, "UTF8"), (16, "SQL_ASCII")])
def test_what_is_too_old_or_cannot_hold_all_names_is_refused(version: int, encoding: str) -> None:
    require_fitting(13, "UTF8")
    with pytest.raises(Refused):
        require_fitting(version, encoding)


async def test_a_hub_that_falls_asleep_in_a_transaction_keeps_nobody_waiting(
    postgres_alone: Postgres,
) -> None:
    asleep, awake = [await open_database(postgres_alone.url) for _ in range(2)]
    assert isinstance(asleep, PostgresDatabase)
    await own(awake, "i")
    sql, parameters = room.one_by_one().on(DIALECT)
    async with asleep._pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(sql, *parameters)
        async with asyncio.timeout(9):  # a statement may take ten seconds
            await awake.write(room.one_by_one())
        with pytest.raises(DatabaseAway), in_our_words():
            await connection.execute(sql, *parameters)
    await asleep.write(room.one_by_one())
    await asyncio.gather(asleep.close(), awake.close())
