"""Once: one function on one connection, in one transaction; for commands, never for a hub."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from perijove.store.address import MYSQL, POSTGRES, path_of
from perijove.store.unavailable import in_our_words

T = TypeVar("T")
_PATIENCE = 10.0
_LONG = 600.0
"""Seconds for one answer of a server that is busy with all of a table."""


def reading(url: str, work: Callable[[Connection], T]) -> T:
    """Return what `work` reads of the database at `url`: all of it at one moment.

    Raises:
        Refused, Unavailable: it cannot be read.
    """
    return _run(url, work, write=False)


def writing(url: str, work: Callable[[Connection], T]) -> T:
    """Return what `work` returns, with all that it has written, or nothing if it raises.

    Raises:
        Refused, Unavailable: it cannot be written.
    """
    return _run(url, work, write=True)


def _run(url: str, work: Callable[[Connection], T], *, write: bool) -> T:
    if url.startswith(POSTGRES):
        return asyncio.run(_on_postgres(url, work, write=write))
    if url.startswith(MYSQL):
        return _on_mysql(url, work, write=write)
    with in_our_words():
        return _on_sqlite(path_of(url), work, write=write)


def _on_sqlite(path: str, work: Callable[[Connection], T], *, write: bool) -> T:
    def connect() -> sqlite3.Connection:
        mode = "rw" if write else "ro"
        return sqlite3.connect(
            f"file:{quote(path)}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
            found = work(connection)
            connection.exec_driver_sql("COMMIT")
            return found
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


async def _on_postgres(url: str, work: Callable[[Connection], T], *, write: bool) -> T:
    import asyncpg  # noqa: PLC0415 - 4 MiB of driver
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from perijove.store.postgres_words import opening  # noqa: PLC0415

    async def connect() -> Any:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    level = "READ COMMITTED" if write else "REPEATABLE READ"
    try:
        with opening():
            async with engine.execution_options(isolation_level=level).begin() as connection:
                return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _on_mysql(url: str, work: Callable[[Connection], T], *, write: bool) -> T:
    from perijove.store.mysql_connection import connect  # noqa: PLC0415 - 3 MiB of driver
    from perijove.store.mysql_words import opening  # noqa: PLC0415

    engine = create_engine(
        "mysql+pymysql://",
        creator=lambda: connect(url, patience=_LONG),
        poolclass=NullPool,
        isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
    )
    with opening(), engine.begin() as connection:
        return work(connection)
