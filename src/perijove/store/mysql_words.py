"""What MariaDB and MySQL say when they cannot be used, as an error of the family."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLError
from typing import Self

import pymysql
from sqlalchemy.exc import DBAPIError

from perijove.model.errors import DatabaseAway, Refused

AGAIN = frozenset({1020, 1213})
"""A transaction was undone for the sake of others."""
STALE = frozenset({1022, 1062, 1586, 1216, 1217, 1451, 1452})
"""Another has taken the name, or the row that it belongs to."""
_AWAY = frozenset({
    0,  # the driver: it is closed
    1037, 1038, 1040, 1041, 1042, 1129, 1203, 1226,  # memory, connections
    1047,  # a node that is not in its cluster yet
    1053, 1077, 1079,  # it ends
    1158, 1159, 1160, 1161,
    1317, 1969, 3024,  # it was cancelled, or took too long
    1927, 4031,  # it was killed: we were asleep
    2000, 2002, 2003, 2005, 2006, 2013, 2014, 2027, 2055,
})  # fmt: skip
_AWAY_BECAUSE = {
    1021: "database-full",
    1114: "database-full",
    1205: "database-busy",
    1290: "database-read-only",
    1792: "database-read-only",
    1836: "database-read-only",
}
_NO_ENTRY = frozenset({1045, 1251, 1524, 1698, 1820, 1862, 2058, 2059, 2061, 3118, 4151})
_NOT_IN_PRIVATE = 2026
_NO_DATABASE = frozenset({1044, 1049})
_NO_RIGHT = frozenset({1142, 1143, 1227, 1370})
_MARIADB, _MYSQL = "MariaDB", "MySQL"
_OLDEST = {_MARIADB: (10, 6, 0), _MYSQL: (8, 0, 17)}
"""The first whose changes of a table are whole after a crash, and that compare text as we need."""
_COLLATIONS = {_MARIADB: "utf8mb4_nopad_bin", _MYSQL: "utf8mb4_0900_bin"}
_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Version:
    """Which of the two it is, and how old."""

    name: str
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what VERSION() says: `10.11.19-MariaDB-0+deb12u1`, `8.0.36`."""
        name = _MARIADB if _MARIADB in text else _MYSQL
        found = _NUMBERS.search(text.removeprefix("5.5.5-"))
        return cls(name, tuple(map(int, found.groups())) if found else (0,))

    @property
    def is_mariadb(self) -> bool:
        """Return whether it is MariaDB."""
        return self.name == _MARIADB

    @property
    def collation(self) -> str:
        """Return what tells any two texts apart, with spaces at their end as well."""
        return _COLLATIONS[self.name]

    def require_fitting(self) -> None:
        """Return if it can be used.

        Raises:
            Refused: it is too old.
        """
        oldest = _OLDEST[self.name]
        if self.numbers < oldest:
            version, needed = (".".join(map(str, it)) for it in (self.numbers, oldest))
            raise Refused("database-old", server=self.name, version=version, oldest=needed)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise DatabaseAway for whatever says in the block that the server is not there."""
    try:
        yield
    except pymysql.Error as error:
        code = code_of(error)
        if code in _AWAY_BECAUSE:
            raise DatabaseAway(_AWAY_BECAUSE[code]) from error
        if code in _AWAY | _NO_ENTRY | _NO_DATABASE:  # it let us in before
            raise DatabaseAway from error
        raise


@contextmanager
def opening() -> Iterator[None]:
    """Say what is wrong with an address, or with whom it names; also through SQLAlchemy.

    Raises:
        Refused: it does not let us in, or has no such database.
        DatabaseAway: it does not answer.
    """
    with in_our_words():
        try:
            with _without_sqlalchemy():
                yield
        except pymysql.Error as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        except RuntimeError as error:  # a way to sign in that the driver needs a library for
            raise Refused("database-password", why=str(error)[:200]) from error
        except DatabaseAway:
            raise
        except OSError as error:
            raise Refused("database-certificate", why=str(error)[:200]) from error


def code_of(error: pymysql.Error) -> int:
    """Return the number of an error; -1 if it has none, which is a bug."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else -1


def _refusal(error: pymysql.Error) -> Refused | None:
    code, why = code_of(error), str(error.args[-1])[:200] if error.args else ""
    if code in _NO_ENTRY:
        return Refused("database-password", why=why)
    if code in _NO_DATABASE:
        return Refused("database-none", why=why, how="CREATE DATABASE")
    if code == _NOT_IN_PRIVATE or isinstance(getattr(error, "original_exception", 0), SSLError):
        return Refused("database-certificate", why=why)
    return Refused("database-rights", why=why) if code in _NO_RIGHT else None


@contextmanager
def _without_sqlalchemy() -> Iterator[None]:
    """Raise what the driver raised."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, pymysql.Error):
            raise error.orig from error
        raise
