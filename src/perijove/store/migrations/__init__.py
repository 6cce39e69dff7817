"""Migrations: what a database must have been through. Alembic is imported only to do one.

A revision says what it does on its own, never through store.tables, which knows only today.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from perijove.model.errors import Refused

VERSIONS = Path(__file__).with_name("versions")
KNOWN = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
)
"""Every revision, oldest first; a test compares it with the folder."""
HEAD = KNOWN[-1]
PREFIX = "pj_"
"""Of every table of ours."""
TABLE = "pj_migration"
_OF_JUPYTERHUB = {"users", "spawners", "api_tokens"}


def outdated(version: str | None, tables: Collection[str]) -> bool:
    """Return whether a database of that version, with those tables, must be migrated.

    Raises:
        Refused: it is not ours to touch.
    """
    if version is None and set(tables) >= _OF_JUPYTERHUB:
        raise Refused("database-jupyterhub")
    if version is not None and version not in KNOWN:
        raise Refused("database-newer", version=version, known=HEAD)
    return version != HEAD


def migrate(connection: Connection, to: str = HEAD) -> None:
    """Bring the database to a revision, in the transaction that `connection` is in."""
    from alembic.config import Config  # noqa: PLC0415 - 30 MiB and 0.3 s that a start can do without
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    if connection.dialect.name == "mysql":
        from perijove.store.migrations import repeatable  # noqa: F401, PLC0415 - Alembic finds it

    script = ScriptDirectory(str(VERSIONS.parent))

    def steps(revision: Any, _: object) -> Any:
        return script._upgrade_revs(to, revision)  # noqa: SLF001 - as alembic.command.upgrade

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=to) as environment:
        environment.configure(connection=connection, version_table=TABLE, transactional_ddl=True)
        environment.run_migrations()
