"""A connection to MariaDB or MySQL, whatever the server is set to by default."""

import ssl
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import make_url
from sqlalchemy.dialects.mysql import pymysql as sqlalchemy_pymysql

from perijove.model.errors import Refused
from perijove.store.mysql_words import Version, opening

Connection: TypeAlias = "pymysql.Connection[pymysql.cursors.Cursor]"
DIALECT = sqlalchemy_pymysql.dialect()
PATIENCE = 10.0
"""Seconds for a connection, or an answer."""
_ASLEEP = 5
"""Seconds, then a hub that falls asleep in a transaction (SIGSTOP) has let go of its locks."""
_MODES = "ANSI_QUOTES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
_SESSION = (
    f"SET SESSION sql_mode = '{_MODES}', innodb_lock_wait_timeout = 8, lock_wait_timeout = 8",
    "SET SESSION sql_safe_updates = 0, sql_select_limit = 18446744073709551615",
    "SET SESSION foreign_key_checks = 1, unique_checks = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_OURS = frozenset({"charset", "use_unicode", "connect_timeout", "read_timeout", "write_timeout"})
"""Options of URLs that we set ourselves, whatever was asked."""
_SWITCHES = frozenset({"ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"})
_OPTIONS = _SWITCHES | {
    "unix_socket", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key",
    "ssl_check_hostname",
}  # fmt: skip


class _Connection(pymysql.Connection):
    """Reads the authorities of this machine (20 ms, 0.1 MiB) only if it is to ask them."""

    def _create_ssl_ctx(self, options: dict[str, Any]) -> ssl.SSLContext:
        if options:
            context: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def connect(url: str, *, autocommit: bool = False, patience: float = PATIENCE) -> Connection:
    """Return a connection to the database at `url`, a server that fits.

    It counts rows that were found, not only those that were changed.

    Raises:
        Refused: it is too old, lets nobody in, or has no such database.
        DatabaseAway: it does not answer.
    """
    with opening():
        connection = _Connection(
            **_arguments(url), autocommit=autocommit, read_timeout=patience, write_timeout=patience
        )
        try:
            version = version_of(connection)
            version.require_fitting()
            for statement in (*_SESSION, _falls_asleep(version, patience)):
                connection.cursor().execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection


def version_of(connection: Connection) -> Version:
    """Return what runs there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        return Version.of(str(cursor.fetchall()[0][0]))


def _falls_asleep(version: Version, patience: float) -> str:
    """MySQL knows no time for transactions that wait, only one for connections.

    A command that works through a whole database may need longer between two statements.
    """
    name = "idle_transaction_timeout" if version.is_mariadb else "wait_timeout"
    return f"SET SESSION {name} = {_ASLEEP if patience <= PATIENCE else int(patience)}"


def _arguments(url: str) -> dict[str, Any]:
    """Return what pymysql takes of a URL, as SQLAlchemy reads it (`?ssl_ca=…` and others)."""
    address = make_url(url)
    if not address.database:
        raise Refused("database-none", why="the URL ends without a name", how="CREATE DATABASE")
    asked = {name: it for name, it in address.query.items() if name not in _OURS}
    if strange := sorted(set(asked) - _OPTIONS):
        known = ", ".join(sorted(_OPTIONS))
        raise Refused("database-options", names=", ".join(strange), known=known)
    _, given = DIALECT.create_connect_args(address.set(query=asked))
    for name in _SWITCHES & set(given):
        given[name] = str(given[name]).lower() in {"1", "true", "yes", "on"}
    return {
        **given,
        "password": (address.password or "").encode(),  # else it is taken for Latin-1
        "charset": "utf8mb4",
        "client_flag": CLIENT.FOUND_ROWS,
        "connect_timeout": PATIENCE,
    }
