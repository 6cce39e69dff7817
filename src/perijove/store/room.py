"""Statements that count how many servers start, run, have a name, or hold a device.

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
_HOLDERS = (
    select(func.count())
    .select_from(servers)
    .where(servers.c.devices.like(bindparam("pattern")))
    .scalar_subquery()
)
_LOCKED = Query(_SAME)
_ENOUGH = Query(_SAME.where(bindparam("limit") >= _STARTING))

_FEW_NAMED = Query(_SAME.where(bindparam("limit") >= _NAMED))
_FEW = Query(_SAME.where(bindparam("limit") >= _ACTIVE))
_HOW_MANY = Query(select(_ACTIVE))
_FEW_HOLDERS = Query(_SAME.where(bindparam("limit") >= _HOLDERS))
_HOLDING = Query(
    select(servers.c.workload, servers.c.devices).where(servers.c.devices.is_not(None))
)


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


def few_holders(device: str, limit: int) -> Statement[None]:
    """Require that no more than `limit` servers hold a device, those of this one included."""
    return write(_FEW_HOLDERS, {"limit": limit, "pattern": f"%,{device},%"})


def holding() -> Statement[dict[str, tuple[str, ...]]]:
    """Return the devices of every server that holds any, by workload."""
    return Statement(_HOLDING, {}, lambda rows: {key: holds(text) for key, text in rows})


def held(devices: tuple[str, ...]) -> str | None:
    """Return what is stored for devices; each stands between commas, so it can be looked for."""
    return f",{','.join(devices)}," if devices else None


def holds(stored: str | None) -> tuple[str, ...]:
    """Return the devices that were stored."""
    return tuple(stored.strip(",").split(",")) if stored else ()
