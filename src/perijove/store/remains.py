"""Statements on pj_remains: what is kept of a start that has ended."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select

from perijove.model.signal import Signal
from perijove.store import signals
from perijove.store.statement import Query, Row, Statement, Statements, lookup, one, write
from perijove.store.tables import instant, micros, remains, text

_c = remains.c
_KEPT_STARTS = 5
_ADD = Query(insert(remains))
_MAKE_ROOM = Query(
    delete(remains).where(
        _c.server_id == bindparam("server_id"),
        or_(_c.incarnation == bindparam("this"), _c.incarnation <= bindparam("old")),
    )
)
_FORGET = Query(delete(remains).where(_c.server_id == bindparam("server_id")))
_LAST = Query(
    select(remains)
    .where(_c.server_id == bindparam("server_id"))
    .order_by(_c.incarnation.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """One row: the end of the log of one start, how it exited, what its place said of it."""

    server_id: int
    incarnation: int
    at: datetime
    exit_code: int | None
    log: str
    events: tuple[Signal, ...]


def keep(it: Remains) -> Statements:
    """Write `it` over what is kept of that start; of the starts of a server, the last stay."""
    old = it.incarnation - _KEPT_STARTS
    room = {"server_id": it.server_id, "this": it.incarnation, "old": old}
    row = {
        "server_id": it.server_id,
        "incarnation": it.incarnation,
        "at": micros(it.at),
        "exit_code": it.exit_code,
        "log": it.log,
        "events": text([signals.tree(signal) for signal in it.events]),
    }
    return write(_MAKE_ROOM, room, touches=None), write(_ADD, row)


def forget(server_id: int) -> Statement[None]:
    """Delete all that is kept of a server."""
    return write(_FORGET, {"server_id": server_id}, touches=None)


def last(server_id: int) -> Statement[Remains | None]:
    """Return what is kept of the last start of a server that has ended, or None."""
    return lookup(_LAST, {"server_id": server_id}, one(_remains))


def _remains(row: Row) -> Remains:
    server_id, incarnation, at, exit_code, log, events = row
    found: Sequence[dict[str, object]] = json.loads(events)
    return Remains(
        server_id=server_id,
        incarnation=incarnation,
        at=instant(at),
        exit_code=exit_code,
        log=log,
        events=tuple(signals.of_tree(tree) for tree in found),
    )
