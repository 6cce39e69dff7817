"""Bring a MariaDB or MySQL database to the newest revision, or leave it as it is.

These commit with every change of a table. So a step that was done is not done again: a migration
that was killed in the middle goes on where it was.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any, TypeAlias

from sqlalchemy import Connection as Through

from perijove.model.errors import DatabaseAway, Refused, Unavailable
from perijove.store.migrations import PREFIX, TABLE, migrate, outdated
from perijove.store.mysql_connection import Connection, connect, version_of
from perijove.store.mysql_words import opening

_LONG = 3600.0
"""Seconds for one change of a table."""
_WAIT = 60
"""Seconds for another hub that migrates the same database."""
_TABLES = (
    "SELECT table_name, table_collation FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
)
_LOG = "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')"
_READ_ONLY = "SELECT @@global.read_only"
_Tables: TypeAlias = dict[str, str]
"""Names, and how each compares text."""


def prepare(url: str) -> None:
    """Make the database at `url` one that this version can use.

    Raises:
        Refused: it holds something else; it has not been touched.
        DatabaseAway: it does not answer.
    """
    if needed(url):
        with opening():
            _upgrade(url)


def needed(url: str) -> bool:
    """Return whether there is anything to do for `prepare`, which raises the same."""
    with opening(), closing(connect(url)) as connection:
        return outdated(*_revision_and_tables(connection))


def inspect(url: str) -> None:
    """Return if the database at `url` can be used as it is; it is only looked at.

    Raises:
        Refused: it holds something else, or cannot be used.
        Unavailable: it is empty, of an older version, can only be read, or does not answer.
    """
    with opening(), closing(connect(url)) as connection:
        revision, tables = _revision_and_tables(connection)
        if outdated(revision, tables):
            raise Unavailable("database-outdated" if revision else "database-missing")
        if _rows(connection, _READ_ONLY)[0][0]:
            raise Unavailable("database-read-only")


def _revision_and_tables(connection: Connection) -> tuple[str | None, _Tables]:
    settings = dict(_rows(connection, _LOG))
    if settings.get("log_bin") == "ON" and settings.get("binlog_format") == "STATEMENT":
        raise Refused("database-log")  # it would refuse each write, for READ COMMITTED
    tables = {str(name): str(collation) for name, collation in _rows(connection, _TABLES)}
    wanted = version_of(connection).collation
    for name, collation in tables.items():
        if name.startswith(PREFIX) and collation != wanted:
            raise Refused("database-collation", table=name, collation=collation, wanted=wanted)
    if TABLE not in tables:
        return None, tables
    found = _rows(connection, f"SELECT version_num FROM {TABLE}")  # noqa: S608
    return (str(found[0][0]) if found else None), tables


def _rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _upgrade(url: str) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415 - with alembic, at the first start only
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine(
        "mysql+pymysql://", creator=lambda: connect(url, patience=_LONG), poolclass=NullPool
    )
    with engine.connect() as connection, _alone(connection):
        migrate(connection)
        connection.commit()


@contextmanager
def _alone(connection: Through) -> Iterator[None]:
    """Hold what only one hub of this database has; the server takes it back when it is gone."""
    name = connection.exec_driver_sql("SELECT DATABASE()").scalar()
    lock = f"perijove.{sha256(str(name).encode()).hexdigest()[:32]}"
    if connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (lock, _WAIT)).scalar() != 1:
        raise DatabaseAway("database-busy")
    yield
    connection.exec_driver_sql("DO RELEASE_LOCK(%s)", (lock,))
