"""What PostgreSQL says when it cannot be used, as an error of the family."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from perijove.model.errors import DatabaseAway, Refused

OLDEST = 13
"""The first version whose statements we have tested."""
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it ends, begins, or cancels what takes too long
    asyncpg.InsufficientResourcesError,  # memory, connections
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we were asleep
    asyncpg.InvalidAuthorizationSpecificationError,  # it let us in before
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,  # the end of the server came in the middle of an answer
    OSError,
    TimeoutError,
)
_AWAY_BECAUSE = {
    asyncpg.DiskFullError: "database-full",
    asyncpg.ReadOnlySQLTransactionError: "database-read-only",
}


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise DatabaseAway for whatever says in the block that PostgreSQL is not there."""
    try:
        yield
    except tuple(_AWAY_BECAUSE) as error:
        raise DatabaseAway(_AWAY_BECAUSE[type(error)]) from error
    except _AWAY as error:
        raise DatabaseAway from error
    except asyncpg.InterfaceError as error:
        # The connection, or the pool: closed or closing; or taken from us since it was lost.
        if "clos" not in str(error) and "released" not in str(error):
            raise
        raise DatabaseAway from error


@contextmanager
def opening() -> Iterator[None]:
    """Say what is wrong with an address, or with whom it names; also through SQLAlchemy.

    Raises:
        Refused: PostgreSQL does not let us in, or has no such database.
        DatabaseAway: it does not answer.
    """
    with in_our_words():
        try:
            with _without_sqlalchemy():
                yield
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise Refused("database-password", why=_line(error)) from error
        except asyncpg.InvalidCatalogNameError as error:
            raise Refused("database-none", why=_line(error), how="createdb") from error
        except asyncpg.InsufficientPrivilegeError as error:
            raise Refused("database-rights", why=_line(error)) from error


def require_fitting(version: int, encoding: str) -> None:
    """Return if a server of that version, with that encoding, can be used.

    Raises:
        Refused: it cannot.
    """
    if version < OLDEST:
        raise Refused("database-old", server="PostgreSQL", version=version, oldest=OLDEST)
    if encoding.upper() not in {"UTF8", "UTF-8", "UNICODE"}:
        raise Refused("database-encoding", encoding=encoding)


@contextmanager
def _without_sqlalchemy() -> Iterator[None]:
    """Raise what the driver raised."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig and error.orig.__cause__
        if cause is None:
            raise
        raise cause from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
