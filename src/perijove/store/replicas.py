"""Statements on pj_replicas: hubs that share the database. One is known to live by its beat."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from perijove.store.statement import Query, Row, Statement, every, write
from perijove.store.tables import replicas

_c = replicas.c
_ALL = Query(select(_c.id, _c.name, _c.beat).order_by(_c.id))
_ADD = Query(insert(replicas))
_BEAT = Query(update(replicas).where(_c.id == bindparam("me")).values(beat=_c.beat + 1))
_REMOVE = Query(delete(replicas).where(_c.id == bindparam("gone")))
_BURY = Query(delete(replicas).where(_c.id == bindparam("gone"), _c.beat == bindparam("last_beat")))


@dataclass(frozen=True, slots=True)
class Replica:
    """One hub."""

    id: int
    """New with every start; a later one is greater."""
    name: str
    """The same after a restart."""
    beat: int = 0
    """How often it has said that it lives."""


def every_one() -> Statement[list[Replica]]:
    """Return all that are written down, the oldest first."""
    return Statement(_ALL, {}, every(_replica))


def add(replica: Replica) -> Statement[None]:
    """Write one down."""
    return write(_ADD, {"id": replica.id, "name": replica.name, "beat": replica.beat})


def beat(id: int) -> Statement[None]:
    """Say that it lives; Stale if another has taken it for dead."""
    return write(_BEAT, {"me": id})


def bury(replica: Replica) -> Statement[None]:
    """Take out one that is dead; Stale if it has said since that it lives."""
    return write(_BURY, {"gone": replica.id, "last_beat": replica.beat})


def remove(id: int) -> Statement[None]:
    """Take out one that ends, or a former self, if it is there."""
    return write(_REMOVE, {"gone": id}, touches=None)


def _replica(row: Row) -> Replica:
    id, name, beats = row
    return Replica(id=id, name=name, beat=beats)
