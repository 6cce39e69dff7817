"""Texts: however many of them, as one parameter, that a query reads like a table."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import TableValuedAlias, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from perijove.kit.storable import storable


class _Texts(FunctionElement[str]):
    """The texts in a JSON list: one row for each."""

    name = "texts"
    inherit_cache = True


def texts(parameter: str) -> TableValuedAlias:
    """Return a table whose column `value` has the texts of a parameter, made by `listed`."""
    return _Texts(bindparam(parameter)).table_valued("value")


def listed(values: Iterable[str]) -> str:
    """Return `values` as a parameter, each once.

    What cannot be stored is left out, for nothing that is stored equals it.
    """
    return json.dumps(sorted(set(filter(storable, values))))


@compiles(_Texts, "sqlite")
def _by_sqlite(element: _Texts, compiler: SQLCompiler, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(_Texts, "postgresql")
def _by_postgres(element: _Texts, compiler: SQLCompiler, **more: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **more)} AS json))"


@compiles(_Texts, "mysql")
def _by_mysql(element: _Texts, compiler: SQLCompiler, **more: Any) -> str:
    column = "value VARCHAR(255) CHARACTER SET utf8mb4 PATH '$'"
    return f"JSON_TABLE({compiler.process(element.clauses, **more)}, '$[*]' COLUMNS ({column}))"
