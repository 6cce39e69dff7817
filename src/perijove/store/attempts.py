"""Statements on pj_attempts: counters that are raised only up to a limit, whoever else counts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, delete, insert, or_, select, update

from perijove.store.access_tables import attempts
from perijove.store.statement import Query, Row, Statement, Statements, lookup, one, write
from perijove.store.tables import instant, micros

_c = attempts.c
_FOR_EVER = micros(datetime.max.replace(tzinfo=UTC))
"""A window that no purge ever reaches."""
_FIND = Query(select(_c.count, _c.since).where(_c.key == bindparam("key")))
_RAISE = Query(
    update(attempts)
    .where(
        _c.key == bindparam("was_key"),
        _c.since > bindparam("after"),
        _c.since <= bindparam("latest"),
        _c.count < bindparam("most"),
    )
    .values(count=_c.count + 1)
)
_LOWER = Query(
    update(attempts).where(_c.key == bindparam("was_key"), _c.count > 0).values(count=_c.count - 1)
)
_ADD = Query(insert(attempts))
_REMOVE = Query(delete(attempts).where(_c.key == bindparam("was_key")))
_REMOVE_OTHER = Query(
    delete(attempts).where(
        _c.key == bindparam("was_key"),
        or_(_c.since <= bindparam("after"), _c.since > bindparam("latest")),
    )
)
_PURGE = Query(delete(attempts).where(_c.since <= bindparam("before")))


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many there were since when."""

    count: int
    since: datetime


def find(key: str) -> Statement[Attempts | None]:
    """Return what was counted for `key`, or None."""
    return lookup(_FIND, {"key": key}, one(_attempts))


def another(key: str, after: datetime, latest: datetime, most: int) -> Statement[None]:
    """Count one more in a window that began between; it must be open and below `most`."""
    between = {"after": micros(after), "latest": micros(latest)}
    return write(_RAISE, {"was_key": key, "most": most, **between})


def one_less(key: str) -> Statement[None]:
    """Count one less, if anything is counted."""
    return write(_LOWER, {"was_key": key}, touches=None)


def first(key: str, at: datetime, after: datetime, latest: datetime) -> Statements:
    """Begin a window at `at`; there must be none that began between `after` and `latest`.

    One that began before is over, and one that began later did so by a clock that was set back.
    """
    between = {"after": micros(after), "latest": micros(latest)}
    return (
        write(_REMOVE_OTHER, {"was_key": key, **between}, touches=None),
        write(_ADD, {"key": key, "count": 1, "since": micros(at)}),
    )


def claim(key: str) -> Statement[None]:
    """Take `key` for ever; nobody must have taken it."""
    return write(_ADD, {"key": key, "count": 1, "since": _FOR_EVER})


def until(key: str, at: datetime) -> Statements:
    """Take `key` until `at`, over what was taken of it before."""
    return (
        write(_REMOVE, {"was_key": key}, touches=None),
        write(_ADD, {"key": key, "count": 1, "since": micros(at)}),
    )


def forget(key: str) -> Statement[None]:
    """Give `key` back, if it was taken."""
    return write(_REMOVE, {"was_key": key}, touches=None)


def purge(before: datetime) -> Statement[None]:
    """Delete the windows that began up to `before`."""
    return write(_PURGE, {"before": micros(before)}, touches=None)


def _attempts(row: Row) -> Attempts:
    count, since = row
    return Attempts(count, instant(since))
