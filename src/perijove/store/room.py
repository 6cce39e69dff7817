"""Statements that count how many servers start, for hubs that share the database.

Both are part of the transaction that begins a start: the first lets only one of those go on at
a time, the second sees what those before it have committed (PostgreSQL: read committed).
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
_LOCKED = Query(_SAME)
_ENOUGH = Query(_SAME.where(bindparam("limit") >= _STARTING))


def one_by_one() -> Statement[None]:
    """Wait for every other transaction that begins a start."""
    return write(_LOCKED, {})


def enough(limit: int) -> Statement[None]:
    """Require that no more than `limit` servers start, those of this transaction included."""
    return write(_ENOUGH, {"limit": limit})
