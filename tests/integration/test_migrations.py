"""A database is brought up to date, or refused and left as it is."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect

from perijove.model.errors import Refused, Unavailable
from perijove.model.user import User
from perijove.store import feed, migrations, shards, users
from perijove.store.access_tables import tokens
from perijove.store.database import Database
from perijove.store.migrations import mysql
from perijove.store.once import reading, writing
from perijove.store.open import open_database
from tests.databases import SHARED, empty, refusal

shared = pytest.mark.parametrize("database_url", SHARED, indirect=True)


def differences(connection: Connection) -> list[object]:
    """Return what is not as store/tables.py says."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "version_table": migrations.TABLE}
    )
    found = compare_metadata(context, tokens.metadata)
    return [it for it in found if "pj_" in str(it) and migrations.TABLE not in str(it)]


async def test_what_the_migrations_make_is_what_the_tables_say(
    database: Database, database_url: str
) -> None:
    del database
    await asyncio.to_thread(require_as_the_tables_say, database_url)
    if "://" in database_url:
        await empty(database_url)


def require_as_the_tables_say(url: str) -> None:
    assert reading(url, differences) == []
    order(url, "ALTER TABLE pj_users ADD COLUMN planted TEXT")
    assert reading(url, differences) != []


def order(url: str, *statements: str) -> None:
    writing(url, lambda it: [it.exec_driver_sql(sql) for sql in statements])


def test_every_revision_is_known_in_order() -> None:
    script = ScriptDirectory(str(migrations.VERSIONS.parent))
    revisions = [it.revision for it in script.walk_revisions()]
    assert tuple(reversed(revisions)) == migrations.KNOWN


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from perijove.store.open import open_database
async def main():
    await (await open_database("{tmp_path}/hub.sqlite")).close()
asyncio.run(main())
print("alembic" in sys.modules)
"""
    said = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert [it.stdout.strip() for it in said] == ["True", "False"]


async def test_two_hubs_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    for turn in range(20):
        path = f"{tmp_path}/hub{turn}.sqlite"
        opened = await asyncio.gather(*(open_database(path) for _ in range(4)))
        await opened[0].write(*users.add(User(id=1, name="ada")))
        assert await opened[3].read(users.named("ada"))
        await asyncio.gather(*(it.close() for it in opened))


async def test_a_hub_killed_while_it_makes_the_tables_has_made_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(connection: Connection) -> None:
        migrations.migrate(connection)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr("perijove.store.migrations.sqlite.migrate", die)
        with pytest.raises(InterruptedError):
            await open_database(f"{tmp_path}/hub.sqlite")
    with closing(sqlite3.connect(tmp_path / "hub.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    await (await open_database(f"{tmp_path}/hub.sqlite")).close()


def jupyterhubs(connection: sqlite3.Connection) -> None:
    for table in ("users", "spawners", "api_tokens", "alembic_version"):
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")


def newer(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE pj_migration (version_num TEXT)")
    connection.execute("INSERT INTO pj_migration VALUES ('0999')")


@pytest.mark.parametrize(
    ("make", "code"), [(jupyterhubs, "database-jupyterhub"), (newer, "database-newer")]
)
async def test_what_is_not_ours_to_change_is_refused_and_not_touched(
    tmp_path: Path, make: object, code: str
) -> None:
    path = tmp_path / "jupyterhub.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        assert callable(make)
        make(connection)
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(Refused) as refused:
        await open_database(str(path))
    assert refused.value.code == code
    assert path.read_bytes() == before
    assert [it.name for it in tmp_path.iterdir()] == [path.name]


@shared
async def test_a_jupyterhub_database_on_a_server_is_refused_as_well(database_url: str) -> None:
    await empty(database_url)
    theirs = ["api_tokens", "spawners", "users"]
    make = [f"CREATE TABLE {name} (id integer)" for name in theirs]
    await asyncio.to_thread(order, database_url, *make)
    assert (await refusal(database_url)).code == "database-jupyterhub"
    found = await asyncio.to_thread(reading, database_url, lambda it: inspect(it).get_table_names())
    assert sorted(found) == theirs


@shared
async def test_several_hubs_may_open_a_new_database_on_a_server_at_once(database_url: str) -> None:
    await empty(database_url)
    opened = await asyncio.gather(*(open_database(database_url) for _ in range(4)))
    await opened[0].write(*users.add(User(id=1, name="ada")))
    assert await opened[3].read(users.named("ada"))
    await asyncio.gather(*(it.close() for it in opened))


@pytest.mark.parametrize("database_url", [it for it in SHARED if it != "postgres"], indirect=True)
async def test_a_migration_killed_after_any_change_of_a_table_goes_on_where_it_was(
    database_url: str,
) -> None:
    await empty(database_url)
    killed = 0
    while await asyncio.to_thread(killed_at_the_second_change, database_url):
        killed += 1
        assert killed < 100
    assert killed > 20, "every table, index and column is one"
    database = await open_database(database_url)
    assert await database.read(feed.version()) == 1
    assert [it.id for it in await database.read(shards.every_one())] == list(range(64))
    await database.close()
    await asyncio.to_thread(require_as_the_tables_say, database_url)


class Killed(BaseException):
    """Nothing of ours takes it for an error."""


def killed_at_the_second_change(url: str) -> bool:
    """Migrate until a second table would be changed; return whether one would."""
    changes = list[str]()

    def die(*given: object) -> None:
        statement = str(given[2])
        if statement.lstrip().startswith(("CREATE", "ALTER")):
            changes.append(statement)
        if len(changes) > 1:
            raise Killed

    event.listen(Engine, "before_cursor_execute", die)
    try:
        mysql.prepare(url)
    except Killed:
        return True
    finally:
        event.remove(Engine, "before_cursor_execute", die)
    return False


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    path.write_text("a letter to the administrator " * 100)
    before = path.read_bytes()
    with pytest.raises(Refused) as refused:
        await open_database(str(path))
    assert refused.value.code == "database-unknown"
    assert path.read_bytes() == before


async def test_a_folder_that_is_not_there_is_said_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as unavailable:
        await open_database(f"{tmp_path}/nowhere/hub.sqlite")
    assert unavailable.value.code == "database-unreachable"
