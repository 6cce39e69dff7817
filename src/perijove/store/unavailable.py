"""What SQLite says when the file cannot be read or written, as an error of the family."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from perijove.model.errors import Refused, Unavailable

_PRIMARY = 0xFF
_CODES = {
    sqlite3.SQLITE_BUSY: "database-busy",
    sqlite3.SQLITE_READONLY: "disk-read-only",
    sqlite3.SQLITE_IOERR: "disk-error",
    sqlite3.SQLITE_FULL: "disk-full",
    sqlite3.SQLITE_CANTOPEN: "database-unreachable",
    sqlite3.SQLITE_PERM: "database-unreachable",
}
_NEVER = {sqlite3.SQLITE_NOTADB: "database-unknown", sqlite3.SQLITE_CORRUPT: "database-damaged"}


def understood(error: sqlite3.Error) -> Exception:
    """Return what `error` means for us; itself if that is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _CODES:
        return Unavailable(_CODES[code])
    return Refused(_NEVER[code]) if code in _NEVER else error


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise what SQLite raises in the block as an error of the family."""
    try:
        yield
    except sqlite3.Error as error:
        raise understood(error) from error
