"""The table of endpoints of JupyterHub 6.1.1, row by row, beside what our hub says of itself."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perijove.api.routes import ROUTES
from perijove.http.openapi import document
from perijove.oauth import routes as oauth

TABLE = Path(__file__).parents[1] / "vectors" / "rest-endpoints.txt"
API = "/hub/api"
DECIDED = dict[tuple[str, str, int], str]()
"""Where decisions.md says otherwise: the answers that are not given. There is none today."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str
    path: str
    scopes: frozenset[str]
    success: frozenset[int]
    errors: frozenset[int]

    @classmethod
    def read(cls, line: str) -> "Row":
        """Read a line."""
        method, path, scopes, success, *errors = line.split()
        return cls(
            method,
            "" if path == "." else plain(path),
            frozenset(scopes.split(",")),
            statuses(success),
            statuses(*errors),
        )


def statuses(told: str = "-") -> frozenset[int]:
    """Return the statuses of a column."""
    return frozenset() if told == "-" else frozenset(map(int, told.split(",")))


def plain(path: str) -> str:
    """Return a path whose parameters have no names."""
    return re.sub(r"\{\*?\w+\}", "{}", path)


ROWS = [
    Row.read(line) for line in TABLE.read_text().splitlines() if line and not line.startswith("#")
]
TOLD = document((API, it) for it in [*ROUTES, *oauth.ROUTES])["paths"]
OURS = {
    (method.upper(), plain(path.removeprefix(API))): told
    for path, methods in TOLD.items()
    for method, told in methods.items()
}
PAGES = {(it.method, it.path.removeprefix("/api")) for it in oauth.PAGES}


@pytest.mark.parametrize("row", ROWS, ids=lambda it: f"{it.method} {it.path or '.'}")
def test_a_row_of_the_table_is_answered_as_it_says(row: Row) -> None:
    key = (row.method, row.path)
    if row.scopes == {"page"}:
        assert key in PAGES
        return
    told = OURS[key]
    assert opens(told) == row.scopes
    answers = {int(status) for status in told["responses"]}
    left_out = {status for status in row.success if (*key, status) in DECIDED}
    assert row.success - left_out <= answers
    assert row.errors - answers == set()
    assert not left_out & answers


def opens(told: dict[str, Any]) -> set[str]:
    """Return what lets a caller in, in the words of the table."""
    if told["x-scopes"]:
        return set(told["x-scopes"])
    return {"*"} if told["security"] else {"-"}


def test_every_exception_is_about_a_row() -> None:
    known = {(row.method, row.path) for row in ROWS}
    assert {key[:2] for key in DECIDED} <= known
    assert len(known) == len(ROWS) > 60
