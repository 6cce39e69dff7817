"""Statements that read one page of pj_users."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, false, func, or_, select

from perijove.kit.storable import stored_as
from perijove.model.server import Phase
from perijove.model.user import Standing, User
from perijove.store import users as store
from perijove.store.statement import Query, Statement, Value
from perijove.store.tables import members, micros, servers, users

_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Activeness(StrEnum):
    """Users by what their servers do, in the words of the API."""

    ANY = ""
    ACTIVE = "active"
    READY = "ready"
    INACTIVE = "inactive"


class Order(StrEnum):
    """What users can be sorted by, in the words of the API."""

    ID = "id"
    NAME = "name"
    LAST_ACTIVITY = "last_activity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which users, and in which order."""

    name_filter: str = ""
    """Part of the name."""
    anywhere: bool = False
    """Part of the name or of the display name."""
    standing: Standing | None = None
    """None: any."""
    admin: bool = False
    """Administrators only."""
    group: str | None = None
    """Its members only; None: whoever."""
    since: datetime | None = None
    """Active then or later."""
    before: datetime | None = None
    """Not active since, or never."""
    state: Activeness = Activeness.ANY
    order: Order = Order.ID
    descending: bool = False


def page(wanted: Wanted, offset: int, limit: int) -> Statement[list[User]]:
    """Return at most `limit` of the users that are `wanted`, after the first `offset`."""
    query = _page(_shape(wanted), wanted.order, descending=wanted.descending)
    return Statement(query, {**_values(wanted), "offset": offset, "limit": limit}, store.read)


def count(wanted: Wanted) -> Statement[int]:
    """Return how many users are `wanted`."""
    return Statement(_count(_shape(wanted)), _values(wanted), lambda rows: int(rows[0][0]))


def _shape(wanted: Wanted) -> Wanted:
    """Return what of it makes another query, not only other values."""
    return Wanted(
        name_filter="x" if wanted.name_filter else "",
        anywhere=wanted.anywhere,
        state=wanted.state,
        standing=wanted.standing,
        admin=wanted.admin,
        group=None if wanted.group is None else "",
        since=wanted.since and _ANY_TIME,
        before=wanted.before and _ANY_TIME,
    )


def _values(wanted: Wanted) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if wanted.name_filter:
        values["pattern"] = _pattern(wanted.name_filter)
        values["in_lower_case"] = _pattern(wanted.name_filter.lower())
    if wanted.group is not None:
        values["in_group"] = stored_as(wanted.group)
    for name, at in (("since", wanted.since), ("before", wanted.before)):
        if at is not None:
            values[name] = micros(at)
    return values


def _pattern(part: str) -> str:
    escaped = stored_as(part)
    for special in ("\\", "%", "_"):
        escaped = escaped.replace(special, f"\\{special}")
    return f"%{escaped}%"


@cache
def _page(shape: Wanted, order: Order, *, descending: bool) -> Query:
    some = _some(select(*store.COLUMNS, _key(order).label("key")), shape)
    keys = (_key(order).desc(), users.c.id.desc()) if descending else (_key(order), users.c.id)
    found = some.order_by(*keys).limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    again = (found.c.key.desc(), found.c.id.desc()) if descending else (found.c.key, found.c.id)
    columns = [found.c[column.name] for column in store.COLUMNS]
    joined = select(*columns, members.c.group).outerjoin(members, members.c.user_id == found.c.id)
    return Query(joined.order_by(*again))


@cache
def _count(shape: Wanted) -> Query:
    return Query(_some(select(func.count()).select_from(users), shape))


def _some(rows: Select[Any], shape: Wanted) -> Select[Any]:
    if shape.name_filter:
        shown = _like(users.c.display_name) if shape.anywhere else false()
        rows = rows.where(or_(_like(users.c.name), shown))
    if shape.standing is not None:
        rows = rows.where(users.c.standing == shape.standing.value)
    if shape.admin:
        rows = rows.where(users.c.admin == 1)
    if shape.group is not None:
        rows = rows.where(_is_member())
    rows = _seen(rows, shape)
    match shape.state:
        case Activeness.ANY:
            return rows
        case Activeness.ACTIVE:
            return rows.where(_has(_AT_WORK))
        case Activeness.READY:
            return rows.where(_has(servers.c.phase == Phase.RUNNING.value))
        case Activeness.INACTIVE:
            return rows.where(~_has(_AT_WORK))


def _seen(rows: Select[Any], shape: Wanted) -> Select[Any]:
    if shape.since is not None:
        rows = rows.where(users.c.last_activity >= bindparam("since"))
    if shape.before is not None:
        rows = rows.where(func.coalesce(users.c.last_activity, 0) < bindparam("before"))
    return rows


def _like(text: ColumnElement[str]) -> ColumnElement[bool]:
    """Match in any case; PostgreSQL in the locale C knows the cases of ASCII letters only."""
    return or_(
        text.like(bindparam("pattern"), escape="\\"),
        func.lower(text).like(bindparam("in_lower_case"), escape="\\"),
    )


_AT_WORK = and_(servers.c.phase != Phase.STOPPED.value, servers.c.phase != Phase.FAILED.value)


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    # No EXISTS: SQLite would read every server in that phase for each user.
    return users.c.id.in_(select(servers.c.user_id).where(condition))


def _is_member() -> ColumnElement[bool]:
    those = members.alias("those")
    return exists().where(those.c.user_id == users.c.id, those.c.group == bindparam("in_group"))


def _key(order: Order) -> ColumnElement[Any]:
    match order:
        case Order.ID:
            return users.c.id
        case Order.NAME:
            return users.c.name
        case Order.LAST_ACTIVITY:
            return func.coalesce(users.c.last_activity, 0)
