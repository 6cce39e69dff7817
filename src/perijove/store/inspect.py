"""Look at a database without changing it: is it whole, ours, up to date, and can it be written?"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from perijove.model.errors import Refused, Unavailable
from perijove.store.address import MYSQL, POSTGRES, path_of
from perijove.store.migrations.sqlite import is_outdated
from perijove.store.unavailable import in_our_words

_PATIENCE = 5.0
_HEADER = 100
"""Bytes, without which a file is no SQLite database."""


def inspect(url: str) -> None:
    """Return if the database at `url` can be used as it is.

    Raises:
        Refused: it is damaged, of a newer version, or something else.
        Unavailable: it is missing, older, cannot be written, or another program holds it.
    """
    if url.startswith(POSTGRES):
        from perijove.store.migrations import postgres  # noqa: PLC0415 - 4 MiB of driver

        asyncio.run(postgres.inspect(url))
    elif url.startswith(MYSQL):
        from perijove.store.migrations import mysql  # noqa: PLC0415 - as above

        mysql.inspect(url)
    else:
        _inspect_file(path_of(url))


def _inspect_file(path: str) -> None:
    if not Path(path).is_file() or Path(path).stat().st_size < _HEADER:
        raise Unavailable("database-missing")
    with in_our_words():
        with closing(_connect(path, "ro")) as connection:
            if is_outdated(connection):
                raise Unavailable("database-outdated")
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise Refused("database-damaged")
        with closing(_connect(path, "rw")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


def _connect(path: str, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(path)}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None
    )
