"""Statements on pj_feed, which has one row: the version of the route table."""

from sqlalchemy import insert, select, update

from perijove.store.statement import Query, Statement, lookup, one, write
from perijove.store.tables import feed

_GET = Query(select(feed.c.version))
_ADD = Query(insert(feed).values(only=1, version=1))
_RAISE = Query(update(feed).values(version=feed.c.version + 1), hot=True)


def version() -> Statement[int | None]:
    """Return the version; None if the row is missing."""
    return lookup(_GET, {}, one(lambda row: int(row[0])))


def add() -> Statement[None]:
    """Give a new database its row; only one can win."""
    return write(_ADD, {})


def touched() -> Statement[None]:
    """Raise the version, if a hub has run before; else it reads everything when it begins."""
    return write(_RAISE, {}, touches=None)


def raised() -> Statement[None]:
    """Raise the version, in the transaction that changes a route."""
    return write(_RAISE, {})
