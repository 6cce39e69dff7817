"""How Alembic writes for MariaDB and MySQL: every step can be repeated, every table is as we want.

Importing it is enough: Alembic takes the last class that names a dialect.
"""

from typing import Any

from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Connection, Index, Table, TableClause, Text, inspect
from sqlalchemy.ext.compiler import compiles

from perijove.store.mysql_words import Version


@compiles(Text, "mysql")
def _long(*_: Any, **__: Any) -> str:
    """Hold more than 64 KiB, as elsewhere."""
    return "LONGTEXT"


class RepeatableImpl(MySQLImpl):
    """Leaves out what is there."""

    __dialect__ = "mysql"

    def create_table(self, table: Table, **more: Any) -> None:
        """Make a table unless it is there."""
        if not inspect(self._there).has_table(table.name):
            super().create_table(self._as_we_want(table), **more)

    def version_table_impl(self, **more: Any) -> Table:
        """Return the table that says how far we are; it must not be ahead of the others."""
        return self._as_we_want(super().version_table_impl(**more))

    def create_index(self, index: Index, **more: Any) -> None:
        """Make an index unless there is one of its name."""
        assert index.table is not None
        there = inspect(self._there).get_indexes(index.table.name)
        if index.name not in {it["name"] for it in there}:
            super().create_index(index, **more)

    def add_column(self, table_name: str, column: Column[Any], **more: Any) -> None:
        """Add a column unless there is one of its name."""
        if column.name not in {it["name"] for it in inspect(self._there).get_columns(table_name)}:
            super().add_column(table_name, column, **more)

    def bulk_insert(
        self,
        table: TableClause | Table,
        rows: list[dict[str, Any]],
        multiinsert: bool = True,  # noqa: FBT001, FBT002 - as Alembic has it
    ) -> None:
        """Insert the rows that are not there."""
        del multiinsert
        self._exec(table.insert().prefix_with("IGNORE").inline(), multiparams=rows)

    def _as_we_want(self, table: Table) -> Table:
        """Return `table` with transactions and names that differ, whatever is made by default."""
        version = Version.of(str(self._there.exec_driver_sql("SELECT VERSION()").scalar()))
        options = {
            "engine": "InnoDB", "charset": "utf8mb4", "collate": version.collation,
            "row_format": "DYNAMIC",  # the others hold no key of 255 characters
        }  # fmt: skip
        for name, value in options.items():
            table.dialect_options["mysql"][name] = value
        return table

    @property
    def _there(self) -> Connection:
        assert self.connection is not None
        return self.connection
