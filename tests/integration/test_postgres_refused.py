"""PostgreSQL that cannot be used is told in one sentence, and not touched."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from perijove.core.instances import own
from perijove.model.errors import DatabaseAway, Refused
from perijove.store import room, rows
from perijove.store.once import reading
from perijove.store.open import open_database
from perijove.store.postgres import PostgresDatabase
from perijove.store.postgres_words import require_fitting
from tests.databases import refusal
from tests.postgres import Postgres, made, programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not here")


@pytest.fixture
def postgres_alone() -> Iterator[Postgres]:
    folder = programs()
    assert folder
    with made(folder) as it:
        it.start()
        yield it


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
        await asyncio.wait_for(write_on(), 20)
    await asyncio.gather(database.close(), connection.close())


@pytest.mark.parametrize(("version", "encoding"), [(12, "UTF8"), (16, "SQL_ASCII")])
def test_what_is_too_old_or_cannot_hold_all_names_is_refused(version: int, encoding: str) -> None:
    require_fitting(13, "UTF8")
    with pytest.raises(Refused):
        require_fitting(version, encoding)
