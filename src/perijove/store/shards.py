"""Statements on pj_shards: who drives which part of the servers."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from perijove.store.statement import Query, Row, Statement, every, write
from perijove.store.tables import shards

_c = shards.c
_ALL = Query(select(_c.id, _c.replica, _c.epoch).order_by(_c.id))
_GIVE = Query(
    update(shards)
    .where(_c.id == bindparam("shard"), _c.epoch == bindparam("was_epoch"))
    .values(replica=bindparam("whose"), epoch=_c.epoch + 1)
)
_FREE = Query(
    update(shards).where(_c.replica == bindparam("whose")).values(replica=None, epoch=_c.epoch + 1)
)


@dataclass(frozen=True, slots=True)
class Shard:
    """One part, and who drives it."""

    id: int
    replica: int | None
    """None: nobody."""
    epoch: int
    """Raised whenever it changes hands."""


def every_one() -> Statement[list[Shard]]:
    """Return all of them, in order."""
    return Statement(_ALL, {}, every(_shard))


def give(shard: Shard, replica: int | None) -> Statement[None]:
    """Give a shard to a replica, or to nobody; Stale if it has changed hands since it was read."""
    return write(_GIVE, {"shard": shard.id, "was_epoch": shard.epoch, "whose": replica})


def free(replica: int) -> Statement[None]:
    """Take from a replica all that it has."""
    return write(_FREE, {"whose": replica}, touches=None)


def _shard(row: Row) -> Shard:
    id, replica, epoch = row
    return Shard(id=id, replica=replica, epoch=epoch)
