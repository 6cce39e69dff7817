"""Which databases the tests run on, and what they do to them."""

import asyncio
import os

import asyncpg
import pytest
from sqlalchemy import Connection, delete, inspect, update

from perijove.model.errors import DatabaseAway, HubError, Refused
from perijove.store import once
from perijove.store.access_tables import tokens
from perijove.store.open import open_database
from perijove.store.tables import feed, shards
from tests import mariadb, postgres

POSTGRES = os.environ.get("PERIJOVE_POSTGRES", "")
"""A database that may be emptied: postgresql://user@host/name; else we run one ourselves."""
MYSQL = os.environ.get("PERIJOVE_TEST_MYSQL", "")
"""A MySQL, or another MariaDB, whose database may be made anew: mysql://user:password@host/name."""
THOROUGH = os.environ.get("PERIJOVE_TEST_DB") == "all"
"""Whether what takes long runs on each of them (`make test-db`), not on one alone."""
MUST = os.environ.get("CI") == "true"
_HERE = {
    "sqlite": True,
    "postgres": bool(POSTGRES or postgres.programs() or MUST),
    "mariadb": bool(mariadb.program() or MUST),
    "mysql": bool(MYSQL),
}
DATABASES = [name for name, here in _HERE.items() if here]
SHARED = DATABASES[1:]
"""Those that several hubs can use at once."""
SOME = SHARED if THOROUGH else SHARED[:1]
"""Those of them that what takes long runs on."""
OURS = [name for name in SHARED if name != "mysql"]
"""Those that we start, and may stop."""
_MARK = "as_migrated"
_MIGRATED = set[str]()


async def empty(url: str) -> None:
    """Take everything out of a database."""
    if url.startswith("mysql://"):
        await asyncio.to_thread(mariadb.empty, url)
        return
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


def settings(url: str) -> dict[str, str]:
    """Return `hub.db` for a database on a server."""
    return {"type": "mysql" if url.startswith("mysql://") else "postgres", "url": url}


async def as_new(url: str) -> None:
    """Make a database what a migration makes of an empty one.

    It is migrated once; after that its rows are taken out, which is ten times quicker. Whoever
    changes its tables leaves it empty.
    """
    if url in _MIGRATED and await asyncio.to_thread(_swept, url):
        return
    await empty(url)
    await (await open_database(url)).close()
    await asyncio.to_thread(once.writing, url, _mark)
    _MIGRATED.add(url)


def _mark(connection: Connection) -> None:
    connection.exec_driver_sql(f"CREATE TABLE {_MARK} (id integer)")


def _swept(url: str) -> bool:
    """Take its rows out; return whether it was one that we had marked."""

    def sweep(connection: Connection) -> bool:
        if not inspect(connection).has_table(_MARK):
            return False
        for table in reversed(tokens.metadata.sorted_tables):
            if table.name not in {"pj_feed", "pj_shards"}:
                connection.execute(delete(table))
        connection.execute(update(feed).values(version=1))
        connection.execute(update(shards).values(replica=None, epoch=0))
        return True

    return once.writing(url, sweep)


async def refusal(url: str) -> HubError:
    """Return why it cannot be opened."""
    with pytest.raises((Refused, DatabaseAway)) as found:
        await open_database(url)
    assert isinstance(found.value, HubError)
    return found.value
