"""Statements on pj_groups and pj_members."""

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from perijove.model.group import Group
from perijove.store.statement import Key, Query, Row, Statement, Statements, Value, write
from perijove.store.tables import groups, members, text, users
from perijove.store.texts import listed, texts

_c = groups.c
_JOINED = groups.outerjoin(members, members.c.group == _c.name).outerjoin(
    users, users.c.id == members.c.user_id
)
_ROWS = select(_c.name, _c.properties, users.c.name).select_from(_JOINED)
_ALL = Query(_ROWS.order_by(_c.name, users.c.name))
_NAMED = Query(_ROWS.where(_c.name == bindparam("name")).order_by(users.c.name))
_OF_USER = Query(
    select(_c.name, _c.properties)
    .select_from(groups.join(members, members.c.group == _c.name))
    .where(members.c.user_id == bindparam("user_id"))
)
_NAMES = Query(select(_c.name))


def _listed(*, only: bool) -> Select[Any]:
    """Return the query of all groups, or of those that somebody may see."""
    rows, names = select(_c.name, _c.properties).select_from(groups), texts("names")
    return rows.join(names, names.c.value == _c.name) if only else rows


def _with_members(some: Select[Any]) -> Query:
    """Return the query of those groups and their members; a limit counts groups."""
    found = some.order_by(_c.name).limit(bindparam("limit")).subquery()
    joined = found.outerjoin(members, members.c.group == found.c.name).outerjoin(
        users, users.c.id == members.c.user_id
    )
    rows = select(found.c.name, found.c.properties, users.c.name).select_from(joined)
    return Query(rows.order_by(found.c.name, users.c.name))


_PAGE = {it: _with_members(_listed(only=it).offset(bindparam("offset"))) for it in (False, True)}
_AFTER = {
    it: _with_members(_listed(only=it).where(_c.name > bindparam("after"))) for it in (False, True)
}
_ADD = Query(insert(groups))
_COUNT = {
    it: Query(select(func.count()).select_from(_listed(only=it).subquery())) for it in (False, True)
}
_CHANGE = Query(
    update(groups)
    .where(_c.name == bindparam("was_name"))
    .values(properties=bindparam("properties"))
)
_REMOVE = Query(delete(groups).where(_c.name == bindparam("was_name")))
_EMPTY = Query(delete(members).where(members.c.group == bindparam("was_group")))
_JOIN = Query(insert(members))
_LEAVE = Query(
    delete(members).where(
        members.c.user_id == bindparam("was_user"), members.c.group == bindparam("was_group")
    )
)


def every() -> Statement[list[Group]]:
    """Return all groups, by name."""
    return Statement(_ALL, {}, _read)


def of(user_id: int) -> Statement[dict[str, dict[str, Any]]]:
    """Return the properties of every group that a user is a member of, by its name."""
    return Statement(
        _OF_USER,
        {"user_id": user_id},
        lambda rows: {str(name): json.loads(properties) for name, properties in rows},
    )


def page(
    offset: int, limit: int, after: Key | None = None, only: Collection[str] | None = None
) -> Statement[list[Group]]:
    """Return at most `limit` groups by name: after the first `offset`, or after that key.

    `only`: those that are called so; None: all.
    """
    values = _names_of(only) | {"limit": limit}
    if after is None:
        return Statement(_PAGE[only is not None], values | {"offset": offset}, _read)
    return Statement(_AFTER[only is not None], values | {"after": after[0]}, _read)


def count(only: Collection[str] | None = None) -> Statement[int]:
    """Return how many there are; `only`: of those names."""
    query = _COUNT[only is not None]
    return Statement(query, _names_of(only), lambda rows: int(rows[0][0]))


def _names_of(only: Collection[str] | None) -> dict[str, Value]:
    return {} if only is None else {"names": listed(only)}


def names() -> Statement[set[str]]:
    """Return what all groups are called."""
    return Statement(_NAMES, {}, lambda rows: {str(row[0]) for row in rows})


def named(name: str) -> Statement[Group | None]:
    """Return the group called `name`, or None."""
    return Statement(_NAMED, {"name": name}, lambda rows: next(iter(_read(rows)), None))


def add(name: str, properties: Mapping[str, Any]) -> Statement[None]:
    """Insert a group without members; there must be none of that name."""
    return write(_ADD, {"name": name, "properties": text(properties)})


def change(name: str, properties: Mapping[str, Any]) -> Statement[None]:
    """Write other properties; Stale if there is no such group."""
    return write(_CHANGE, {"was_name": name, "properties": text(properties)})


def remove(name: str) -> Statements:
    """Delete a group; its members stay who they are. Stale if there is none."""
    return (
        write(_EMPTY, {"was_group": name}, touches=None),
        write(_REMOVE, {"was_name": name}),
    )


def join(user_id: int, group: str) -> Statement[None]:
    """Make a user a member; Stale if they are one."""
    return write(_JOIN, {"user_id": user_id, "group": group})


def leave(user_id: int, group: str) -> Statement[None]:
    """Make a user no member any more; Stale if they are none."""
    return write(_LEAVE, {"was_user": user_id, "was_group": group})


def _read(rows: Sequence[Row]) -> list[Group]:
    found: list[Group] = []
    for (name, properties), each in groupby(rows, key=lambda row: (row[0], row[1])):
        names = tuple(str(row[2]) for row in each if row[2] is not None)
        found.append(Group(name=name, properties=json.loads(properties), users=names))
    return found
