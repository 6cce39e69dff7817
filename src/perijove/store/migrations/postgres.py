"""Bring a PostgreSQL database to the newest revision, or leave it as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from perijove.model.errors import Unavailable
from perijove.store.migrations import TABLE, migrate, outdated
from perijove.store.postgres_words import opening, require_fitting

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_PATIENCE = 10.0
"""Seconds for a connection."""
_MIGRATING = 0x706A  # an advisory lock of ours: two replicas may start at once
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"


async def prepare(url: str) -> None:
    """Make the database at `url` one that this version can use.

    Raises:
        Refused: it holds something else; it has not been touched.
    """
    if await needed(url):
        await asyncio.to_thread(_upgrade_beside, url)


async def needed(url: str) -> bool:
    """Return whether there is anything to do for `prepare`, which raises the same."""
    async with _looking(url) as connection:
        return outdated(*await _revision_and_tables(connection))


async def inspect(url: str) -> None:
    """Return if the database at `url` can be used as it is; it is only looked at.

    Raises:
        Refused: it holds something else, or cannot be used.
        Unavailable: it is empty, of an older version, can only be read, or does not answer.
    """
    async with _looking(url) as connection:
        revision, tables = await _revision_and_tables(connection)
        if outdated(revision, tables):
            raise Unavailable("database-outdated" if revision else "database-missing")
        if await connection.fetchval("SHOW transaction_read_only") == "on":
            raise Unavailable("database-read-only")


@asynccontextmanager
async def _looking(url: str) -> AsyncIterator[_Connection]:
    """Yield a connection to a server that fits."""
    with opening():
        connection: _Connection = await asyncpg.connect(url, timeout=_PATIENCE)
        try:
            encoding = str(await connection.fetchval("SHOW server_encoding"))
            require_fitting(connection.get_server_version().major, encoding)
            yield connection
        finally:
            await connection.close()


async def _revision_and_tables(connection: _Connection) -> tuple[str | None, set[str]]:
    tables = {str(row[0]) for row in await connection.fetch(_TABLES)}
    if TABLE not in tables:
        return None, tables
    return await connection.fetchval(f"SELECT version_num FROM {TABLE}"), tables  # noqa: S608


def _upgrade_beside(url: str) -> None:
    """Migrate in a loop of its own: Alembic reads files, which would hold up the hub's.

    What only a first start needs is imported before that loop runs, for two threads that import
    the same wait for each other.
    """
    import alembic.runtime.environment  # noqa: PLC0415 - for `migrate`
    import alembic.script  # noqa: F401, PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    async def connect() -> Any:
        return await asyncpg.connect(url)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",  # it sees what another did while it waited for the lock
    )
    asyncio.run(_upgrade(engine))


async def _upgrade(engine: "AsyncEngine") -> None:
    with opening():
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            await connection.run_sync(migrate)
    await engine.dispose()
