"""Statements that count how many servers start, run, or have a name.

They are part of the transaction that begins a start: the first lets only one of those go on at
a time, so that the others see what those before it have committed (PostgreSQL: read committed).
"""

from sqlalchemy import bindparam, func, select, update

from perijove.model.server import Phase
from perijove.store.statement import Query, Statement, write
from perijove.store.tables import instance, servers

_SAME = update(instance).values(only=instance.c.only)
_STARTING = (
    select(func.count())
    .select_from(servers)
    .where(servers.c.phase == Phase.STARTING.value)
    .scalar_subquery()
)
_ACTIVE = (
    select(func.count())
    .select_from(servers)
    .where(servers.c.phase != Phase.STOPPED.value, servers.c.phase != Phase.FAILED.value)
    .scalar_subquery()
)
_NAMED = (
    select(func.count())
    .select_from(servers)
    .where(servers.c.user_id == bindparam("user_id"), servers.c.name != "")
    .scalar_subquery()
)
_LOCKED = Query(_SAME)
_ENOUGH = Query(_SAME.where(bindparam("limit") >= _STARTING))

_FEW_NAMED = Query(_SAME.where(bindparam("limit") >= _NAMED))
_FEW = Query(_SAME.where(bindparam("limit") >= _ACTIVE))
_HOW_MANY = Query(select(_ACTIVE))


def one_by_one() -> Statement[None]:
    """Wait for every other transaction that begins a start."""
    return write(_LOCKED, {})


def enough(limit: int) -> Statement[None]:
    """Require that no more than `limit` servers start, those of this transaction included."""
    return write(_ENOUGH, {"limit": limit})


def few(limit: int) -> Statement[None]:
    """Require that no more than `limit` servers are not at rest, those of this one included."""
    return write(_FEW, {"limit": limit})


def how_many() -> Statement[int]:
    """Return how many servers are not at rest."""
    return Statement(_HOW_MANY, {}, lambda rows: int(rows[0][0]))


def few_named(user_id: int, limit: int) -> Statement[None]:
    """Require that a user has no more than `limit` servers with a name."""
    return write(_FEW_NAMED, {"user_id": user_id, "limit": limit})
