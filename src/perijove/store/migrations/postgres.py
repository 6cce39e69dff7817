"""Bring a PostgreSQL database to the newest revision, or leave it as it is."""

import asyncio
from typing import Any, TypeAlias

import asyncpg

from perijove.store.migrations import TABLE, migrate, outdated
from perijove.store.postgres_words import opening, require_fitting

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
    with opening():
        connection: _Connection = await asyncpg.connect(url, timeout=_PATIENCE)
        try:
            encoding = str(await connection.fetchval("SHOW server_encoding"))
            require_fitting(connection.get_server_version().major, encoding)
            return await _outdated(connection)
        finally:
            await connection.close()


async def _outdated(connection: _Connection) -> bool:
    tables = {str(row[0]) for row in await connection.fetch(_TABLES)}
    version = None
    if TABLE in tables:
        version = await connection.fetchval(f"SELECT version_num FROM {TABLE}")  # noqa: S608
    return outdated(version, tables)


def _upgrade_beside(url: str) -> None:
    """Migrate in a loop of its own: Alembic reads files, which would hold up the hub's."""
    asyncio.run(_upgrade(url))


async def _upgrade(url: str) -> None:
    from sqlalchemy import text  # noqa: PLC0415 - with alembic, at the first start only
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    async def connect() -> Any:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
        await connection.run_sync(migrate)
    await engine.dispose()
