"""What commands answer: a table for people, JSON for programs; colour on a terminal only."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from unicodedata import category, east_asian_width

_WIDE = frozenset("WF")
_ON_OTHERS = frozenset({"Mn", "Me", "Cf"})
"""Kinds of characters that stand on the one before."""

Row = Sequence[str]


def answer(text: str) -> None:
    """Print what was asked for."""
    print(text)  # noqa: T201 - what it is for


def remark(text: str) -> None:
    """Say how it goes; stdout is kept for the answer."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - what it is for


def answer_json(value: Any) -> None:
    """Print a value as JSON."""
    answer(json.dumps(value, ensure_ascii=False, indent=2))


def harmless(text: str) -> str:
    """Return `text` without what a terminal would take for an order: people choose their names."""
    return "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text)


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes: two for a Chinese character."""
    return sum(
        0 if category(it) in _ON_OTHERS else 2 if east_asian_width(it) in _WIDE else 1
        for it in text
    )


def table(columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Print rows below their columns: drawn on a terminal, plain text in a pipe."""
    rows = [[harmless(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        _drawn(columns, rows)
    else:
        answer("\n".join(_plain([tuple(column.upper() for column in columns), *rows])))


def moment(at: str | None, never: str = "") -> str:
    """Return a time of the API as a table shows it: to the minute, where the reader is."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}" if at else never


def fields(found: Mapping[str, str]) -> None:
    """Print a few names and their values."""
    width = max(map(len, found), default=0)
    answer("\n".join(f"{name:{width}}  {harmless(value)}" for name, value in found.items()))


def _plain(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    padded = ([it + " " * (wide - width(it)) for it, wide in zip(row, widths, strict=True)]
              for row in rows)  # fmt: skip
    return ["  ".join(row).rstrip() for row in padded]


def _drawn(columns: Sequence[str], rows: Sequence[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415 - on a terminal only
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        drawn.add_column(column)
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)
