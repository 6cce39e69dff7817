"""Every row of a database as lines of JSON, and back: for backups, and for another database.

A table is one file. Its first line names the columns, in order; each other line is a row, as a
list. Rows come in any order, so what is compared is a sum over them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, column, delete, func, insert, inspect, select
from sqlalchemy import table as table_of

from perijove.model.errors import Refused
from perijove.store.migrations import PREFIX, TABLE, migrate, outdated

_OF_THE_MOMENT = frozenset({TABLE, "pj_replicas", "pj_shards"})
"""Which hubs run now is nothing to keep, and the version stands elsewhere."""
_TOGETHER = 500
_MODULUS = 1 << 256
_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Counted:
    """What a table holds: how many rows, and a number that any other row would change."""

    rows: int
    sum: str
    """Of the SHA-256 of every row, modulo 2**256, in hexadecimal."""


class Tally:
    """Counts rows as they pass."""

    def __init__(self) -> None:
        self._rows = self._sum = 0

    def add(self, line: str) -> None:
        """Count one row."""
        self._rows += 1
        self._sum = (self._sum + int.from_bytes(sha256(line.encode()).digest())) % _MODULUS

    @property
    def counted(self) -> Counted:
        """Return what was counted."""
        return Counted(self._rows, f"{self._sum:064x}")


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, None if it is empty.

    Raises:
        Refused: it is not ours to touch.
    """
    names = inspect(connection).get_table_names()
    version = None
    if TABLE in names:
        version = connection.scalar(select(column("version_num")).select_from(table_of(TABLE)))
    outdated(version, names)
    return version


def tables(connection: Connection) -> list[str]:
    """Return the tables that are kept, those that others refer to first."""
    found = inspect(connection).get_sorted_table_and_fkc_names()
    return [
        name for name, _ in found if name and name.startswith(PREFIX) and name not in _OF_THE_MOMENT
    ]


def count(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        name: int(connection.scalar(select(func.count()).select_from(table_of(name))) or 0)
        for name in tables(connection)
    }


def save(connection: Connection, folder: Path) -> dict[str, Counted]:
    """Write every table into `folder`, as one transaction saw them; return what was written."""
    counted = {}
    for name in tables(connection):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            counted[name] = _save(connection, name, file)
    return counted


def load(connection: Connection, folder: Path, names: Sequence[str]) -> dict[str, Counted]:
    """Replace what the tables hold by what is in `folder`; return what was read.

    Raises:
        ValueError: a file is no table, or the table has no such column.
    """
    known = tables(connection)
    if strange := set(names) - set(known):
        raise ValueError(f"there is no table {min(strange)}")
    for name in reversed(known):
        connection.execute(delete(table_of(name)))
    counted = {}
    for name in (it for it in known if it in names):
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            counted[name] = _load(connection, name, file)
    return counted


def fill(
    connection: Connection, *, folder: Path, revision: str, wanted: Mapping[str, Counted]
) -> None:
    """Make an empty database of that revision what is in `folder`, and nothing else than that.

    Raises:
        Refused: it is not empty, not ours, or the files are not what is wanted.
        ValueError: as `load`.
    """
    if revision_of(connection) is None:
        migrate(connection, revision)
    elif count(connection).get("pj_users"):
        raise Refused("database-filled")
    require_same(load(connection, folder, tuple(wanted)), wanted)


def require_same(found: Mapping[str, Counted], wanted: Mapping[str, Counted]) -> None:
    """Return if both are the same.

    Raises:
        Refused: a table has other rows.
    """
    for name, it in wanted.items():
        if found.get(name) != it:
            there = found[name].rows if name in found else 0
            raise Refused("rows-differ", table=name, rows=there, wanted=it.rows)


def sums(connection: Connection) -> dict[str, Counted]:
    """Return what every table holds."""
    counted = {}
    for name in tables(connection):
        tally = Tally()
        for line in _lines(connection, name, _columns(connection, name)):
            tally.add(line)
        counted[name] = tally.counted
    return counted


def _columns(connection: Connection, name: str) -> list[str]:
    return sorted(str(it["name"]) for it in inspect(connection).get_columns(name))


def _save(connection: Connection, name: str, file: TextIO) -> Counted:
    columns, tally = _columns(connection, name), Tally()
    file.write(_ENCODED(columns) + "\n")
    for line in _lines(connection, name, columns):
        tally.add(line)
        file.write(line + "\n")
    return tally.counted


def _lines(connection: Connection, name: str, columns: Sequence[str]) -> Iterator[str]:
    query: Any = select(*(column(it) for it in columns)).select_from(table_of(name))
    for row in connection.execute(query, execution_options={"yield_per": _TOGETHER}):
        yield _ENCODED(list(row))


def _load(connection: Connection, name: str, file: TextIO) -> Counted:
    columns, tally = json.loads(file.readline()), Tally()
    if strange := set(columns) - set(_columns(connection, name)):
        raise ValueError(f"the table {name} has no column {min(strange)}")
    into = insert(table_of(name, *(column(it) for it in columns)))
    batch: list[dict[str, Any]] = []
    for line in file:
        text = line.rstrip("\n")
        tally.add(text)
        batch.append(dict(zip(columns, json.loads(text), strict=True)))
        if len(batch) >= _TOGETHER:
            connection.execute(into, batch)
            batch.clear()
    if batch:
        connection.execute(into, batch)
    return tally.counted
