"""Bring a SQLite file to the newest revision, or leave it as it is."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from perijove.store.migrations import TABLE, migrate, outdated
from perijove.store.unavailable import in_our_words

_PATIENCE = 30.0
"""Seconds to wait for another hub that is migrating the same file."""
_AGAIN = 0.02
"""Seconds until the next try to switch to WAL."""


def prepare(path: str) -> None:
    """Make the file at `path` one that this version can use.

    Raises:
        Refused: it holds something else; it has not been touched.
        Unavailable: it cannot be read or written.
    """
    if needed(path):
        with in_our_words():
            _upgrade(path)


def needed(path: str) -> bool:
    """Return whether there is anything to do for `prepare`, which raises the same."""
    with in_our_words():
        if _is_new(path):
            return True
        with closing(_connect(path, "ro")) as connection:
            return is_outdated(connection)


def _is_new(path: str) -> bool:
    try:
        return Path(path).stat().st_size == 0
    except OSError:  # if it is more than missing, opening it will say so
        return True


def _connect(path: str, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(path)}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None
    )


def _connect_wal(path: str) -> sqlite3.Connection:
    connection = _connect(path, "rwc")
    try:
        switch_to_wal(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def switch_to_wal(connection: sqlite3.Connection) -> None:
    """Write ahead from now on, however many hubs ask for it at once.

    Raises:
        sqlite3.Error: it cannot; busy, if others kept it from us for half a minute.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # Two that hold a read lock would wait for each other: SQLite says so at once.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN)  # noqa: TID251 - in a thread of its own
        else:
            return


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Return whether the file must be migrated.

    Raises:
        Refused: it is not ours to touch.
    """
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {str(row[0]) for row in rows}
    version = None
    if TABLE in tables:
        found = connection.execute(f"SELECT version_num FROM {TABLE}").fetchone()  # noqa: S608
        version = str(found[0]) if found else None
    return outdated(version, tables)


def _upgrade(path: str) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415 - with alembic, at the first start only
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine("sqlite://", creator=lambda: _connect_wal(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            # Ours, not the driver's: all of it or nothing, and one hub at a time.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            migrate(connection)
            connection.exec_driver_sql("COMMIT")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
