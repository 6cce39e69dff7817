"""`perijove audit`: who changed what, from the audit log of this machine."""

import json
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from perijove.cli.box import Box, data_trouble
from perijove.cli.output import answer, answer_json, moment, remark, table
from perijove.cli.trouble import Trouble
from perijove.kit.clock import Clock
from perijove.kit.journal import broken, lines

_UNHEALTHY = 7
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = 60
_OF_RESULT = frozenset({"refused", "failed"})
_SIGN_IN, _FIRST_ERROR = "POST /login", 400


def command(given: Namespace) -> int:
    """Show the latest entries that match, or look whether somebody has touched any.

    Raises:
        Trouble: there is no audit log, or it cannot be read.
    """
    box = Box.at(given.data)
    files = sorted({*box.audit().parent.glob("audit.log"), *box.audit().parent.glob("audit-*.log")})
    if not files:
        raise Trouble(
            f"There is no audit log in {box.path}, and every hub makes one as it starts: it was"
            " taken away, or this is not the data directory (--data DIR). A hub in a cluster writes"
            " its entries to its log."
        )
    with data_trouble(box):
        if given.check:
            return _check(given, files)
        every = _entries(files)
    found = [entry for entry in every if _wanted(entry, given)]
    _show(given, found[-given.lines :] if given.lines else found, none=not every)
    return 0


def ago(text: str) -> timedelta:
    """Return how long `text` is: a number with m, h or d."""
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and unit in _UNITS and len(number) < len("123456"):
        return int(number) * _UNITS[unit]
    raise ArgumentTypeError(f"{text} is no time; 30m, 8h and 7d are")


def _check(given: Namespace, files: list[Path]) -> int:
    """Say whether every line follows the one before it."""
    found = [
        {"file": file.name, "line": number, "why": why}
        for file in files
        for number, why in broken(lines(file))
    ]
    entries = sum(1 for file in files for _ in lines(file))
    if given.output == "json":
        answer_json({"entries": entries, "broken": found})
    elif not found:
        answer(f"All {entries:,} entries are as they were written.")
    else:
        for it in found:
            answer(f"{it['file']}, line {it['line']:,} (the oldest file first): {it['why']}")
        remark("A line that is not whole can come from a full disk or a cut of power.")
    return _UNHEALTHY if found else 0


def _entries(files: list[Path]) -> list[dict[str, Any]]:
    """Return the entries of all hubs, the oldest first."""
    found = list(_read(files))
    found.sort(key=lambda entry: str(entry["at"]))
    return found


def _read(files: list[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        for line in lines(file):
            try:
                entry = json.loads(line)
                datetime.fromisoformat(entry["at"])
            except (ValueError, TypeError, KeyError):
                continue  # `--check` tells of it
            yield entry


def _wanted(entry: dict[str, Any], given: Namespace) -> bool:
    if given.since and Clock()() - datetime.fromisoformat(entry["at"]) > given.since:
        return False
    if given.who and _asker(entry) != given.who:
        return False
    return not given.about or given.about in _names(entry)


def _names(entry: dict[str, Any]) -> set[str]:
    """Return whom and what an entry is about."""
    found: set[str] = set()
    for part in ("about", "details"):
        for value in (entry.get(part) or {}).values():
            found |= set(map(str, value)) if isinstance(value, list) else {str(value)}
    return found


def _asker(entry: dict[str, Any]) -> str | None:
    """Return who asked, or under which name somebody was to sign in."""
    return entry.get("who") or (entry.get("details") or {}).get("name")


def _show(given: Namespace, found: list[dict[str, Any]], *, none: bool) -> None:
    if given.output == "json":
        answer_json(found)
        return
    if not found:
        answer("Nothing was changed yet." if none else "No entry matches.")
        return
    rows = [
        (
            moment(it["at"]), _asker(it) or "-", it.get("by") or "-", it.get("from") or "-",
            it["call"], _told(it), _result(it),
        )
        for it in found
    ]  # fmt: skip
    table(("when", "who", "by", "from", "what", "about", "result"), rows)


def _told(entry: dict[str, Any]) -> str:
    told = {**(entry.get("about") or {}), **(entry.get("details") or {})}
    told = {name: value for name, value in told.items() if name not in _OF_RESULT}
    text = ", ".join(f"{name} {_text(value)}" for name, value in told.items())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _result(entry: dict[str, Any]) -> str:
    """Return how it ended: of a sign-in whether they are in, of many steps which were not done."""
    details = entry.get("details") or {}
    told = [str(entry["status"])]
    if entry.get("error"):
        told.append(entry["error"])
    if details.get("refused"):
        told.append(f"refused: {details['refused']}")
    elif entry["call"] == _SIGN_IN and entry["status"] < _FIRST_ERROR:
        told.append("granted")
    if failed := details.get("failed"):
        told.append("not for " + ", ".join(f"{name} ({why})" for name, why in failed.items()))
    return " ".join(told)
