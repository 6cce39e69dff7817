"""Statements that read one page of pj_users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    union,
)

from perijove.kit.storable import stored_as
from perijove.model.server import Phase
from perijove.model.user import Standing, User
from perijove.store import users as store
from perijove.store.statement import Key, Query, Row, Statement, Value
from perijove.store.tables import members, micros, servers, users
from perijove.store.texts import listed, texts

_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS, _AFTER = ("key", "next_key"), ("after", "next_after")


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
class Only:
    """Some users: those of a name, and the members of a group."""

    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


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
    only: Only | None = None
    """Whom somebody may see; None: everybody."""
    since: datetime | None = None
    """Active then or later."""
    before: datetime | None = None
    """Not active since, or never."""
    state: Activeness = Activeness.ANY
    order: Order = Order.ID
    descending: bool = False


def page(
    wanted: Wanted, offset: int, limit: int, after: Key | None = None
) -> Statement[list[User]]:
    """Return at most `limit` of the users that are `wanted`, after the first `offset`.

    `after`: those after that `key`, which is found by an index; nothing is counted.
    """
    shape, descending = _shape(wanted), wanted.descending
    query = _page(shape, wanted.order, descending=descending, by_key=after is not None)
    values = _values(wanted) | {"limit": limit}
    values |= {"offset": offset} if after is None else dict(zip(_AFTER, after, strict=False))
    return Statement(query, values, store.read)


def key(user: User, order: Order) -> Key:
    """Return where `user` stands in that order."""
    match order:
        case Order.ID:
            return (user.id,)
        case Order.NAME:
            return (user.name,)
        case Order.LAST_ACTIVITY:
            return (micros(user.last_activity) if user.last_activity else 0, user.id)


def page_of(
    wanted: Wanted, offset: int, limit: int, after: Key | None = None
) -> Statement[tuple[list[User], int | None]]:
    """Return a page, and how many users are `wanted`; None: nobody is on it, so it is not known."""
    it = page(wanted, offset, limit, after)
    shape = _shape(wanted)
    query = _page_of(shape, wanted.order, descending=wanted.descending, by_key=after is not None)
    return Statement(query, it.parameters, _with_total)


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
        only=wanted.only and Only(),
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
    if wanted.only is not None:
        values["names"] = listed(wanted.only.names)
        values["groups"] = listed(wanted.only.groups)
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
def _page(shape: Wanted, order: Order, *, descending: bool, by_key: bool) -> Query:
    return Query(_rows(shape, order, descending=descending, by_key=by_key))


@cache
def _page_of(shape: Wanted, order: Order, *, descending: bool, by_key: bool) -> Query:
    total = _some(select(func.count()).select_from(users), shape).scalar_subquery()
    return Query(_rows(shape, order, descending=descending, by_key=by_key).add_columns(total))


def _with_total(rows: Sequence[Row]) -> tuple[list[User], int | None]:
    return store.read(rows), int(rows[0][-1]) if rows else None


def _rows(shape: Wanted, order: Order, *, descending: bool, by_key: bool) -> Select[Any]:
    keys = _keys(order)
    named = [it.label(name) for it, name in zip(keys, _KEYS, strict=False)]
    some = _some(select(*store.COLUMNS, *named), shape).limit(bindparam("limit"))
    some = (
        some.where(_beyond(keys, descending=descending))
        if by_key
        else some.offset(bindparam("offset"))
    )
    found = some.order_by(*(it.desc() if descending else it for it in keys)).subquery()
    again = [found.c[it.name] for it in named]
    columns = [found.c[column.name] for column in store.COLUMNS]
    joined = select(*columns, members.c.group).outerjoin(members, members.c.user_id == found.c.id)
    return joined.order_by(*(it.desc() if descending else it for it in again))


def _beyond(keys: Sequence[ColumnElement[Any]], *, descending: bool) -> ColumnElement[bool]:
    """Match what stands after the key that is given."""
    at: list[BindParameter[Any]] = [bindparam(name) for name in _AFTER]
    past = keys[0] < at[0] if descending else keys[0] > at[0]
    if len(keys) == 1:
        return past
    further = keys[1] < at[1] if descending else keys[1] > at[1]
    return or_(past, and_(keys[0] == at[0], further))


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
    if shape.only is not None:
        only = _only()
        rows = rows.join(only, only.c.id == users.c.id)
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


def _only() -> Subquery:
    # Joined: MariaDB would ask a union after IN anew for each user.
    them, those = users.alias("them"), members.alias("those")
    names, groups = texts("names"), texts("groups")
    return union(
        select(them.c.id).select_from(names.join(them, them.c.name == names.c.value)),
        select(those.c.user_id).select_from(groups.join(those, those.c.group == groups.c.value)),
    ).subquery()


def _keys(order: Order) -> tuple[ColumnElement[Any], ...]:
    """Return what `key` holds, as columns."""
    match order:
        case Order.ID:
            return (users.c.id,)
        case Order.NAME:
            return (users.c.name,)
        case Order.LAST_ACTIVITY:
            return (func.coalesce(users.c.last_activity, 0), users.c.id)
