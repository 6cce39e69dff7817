"""Statements on pj_shares."""

import json
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Select, bindparam, delete, insert, or_, select, union_all, update

from perijove.model.share import Share
from perijove.model.user import Standing
from perijove.store import servers as of_servers
from perijove.store.access_tables import shares
from perijove.store.statement import Query, Row, Statement, every, lookup, one, write
from perijove.store.tables import instant, members, micros, perhaps, servers, text, users

Held: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The name of an owner, of their server, and the names of scopes."""

_c = shares.c
_owner, _person = users.alias("owner"), users.alias("person")
_MINE = union_all(
    select(_c.id).where(_c.user_id == bindparam("person")),
    select(_c.id)
    .join(members, members.c.group == _c.group)
    .where(members.c.user_id == bindparam("person")),
).subquery("mine")
_OF_SERVERS = shares.join(servers, servers.c.id == _c.server_id).join(
    _owner, _owner.c.id == servers.c.user_id
)
_ROWS: Select[tuple[object, ...]] = (
    select(*servers.columns, _owner.c.name.label("user"))
    .add_columns(_c.id, _person.c.name, _c.group, _c.scopes, _c.created, _c.accepted, _c.version)
    .select_from(_OF_SERVERS.outerjoin(_person, _person.c.id == _c.user_id))
    .order_by(_c.id)
)
_OF_OWNER = Query(_ROWS.where(servers.c.user_id == bindparam("owner")))
_OF_SERVER = Query(_ROWS.where(_c.server_id == bindparam("server")))
_OF_GROUP = Query(_ROWS.where(_c.group == bindparam("group")))
_OF_PERSON = Query(_ROWS.join(_MINE, _MINE.c.id == _c.id))
_HELD = Query(
    select(_owner.c.name, servers.c.name, _c.scopes)
    .select_from(_OF_SERVERS.join(_MINE, _MINE.c.id == _c.id))
    .where(_owner.c.standing == Standing.ACTIVE.value)
)
_WITH = or_(_c.user_id == bindparam("person"), _c.group == bindparam("group"))
_ONE = Query(_ROWS.where(_c.server_id == bindparam("server"), _WITH))
_ADD = Query(insert(shares))
_WAS = (_c.id == bindparam("was_id"), _c.version == bindparam("was_version"))
_CHANGE = Query(
    update(shares)
    .where(*_WAS)
    .values({_c[it]: bindparam(it) for it in ("scopes", "accepted", "version")})
)
_REMOVE = Query(delete(shares).where(*_WAS))
_REMOVE_OF_SERVER = Query(delete(shares).where(_c.server_id == bindparam("of_server")))


def held(user_id: int) -> Statement[list[Held]]:
    """Return what others share with a person, also by groups; who is shut out shares nothing."""
    return lookup(_HELD, {"person": user_id}, every(lambda it: (it[0], it[1], _names(it[2]))))


def of_owner(user_id: int) -> Statement[list[Share]]:
    """Return every share of the servers of a person, the oldest first."""
    return Statement(_OF_OWNER, {"owner": user_id}, every(_share))


def of_server(server_id: int) -> Statement[list[Share]]:
    """Return every share of a server, the oldest first."""
    return Statement(_OF_SERVER, {"server": server_id}, every(_share))


def with_group(group: str) -> Statement[list[Share]]:
    """Return what is shared with a group, the oldest first."""
    return Statement(_OF_GROUP, {"group": group}, every(_share))


def with_person(user_id: int) -> Statement[list[Share]]:
    """Return what is shared with a person, also by groups, the oldest first."""
    return Statement(_OF_PERSON, {"person": user_id}, every(_share))


def find(server_id: int, user_id: int | None, group: str | None) -> Statement[Share | None]:
    """Return the share of a server with a person or with a group, or None."""
    given = {"server": server_id, "person": user_id, "group": group}
    return lookup(_ONE, given, one(_share))


def add(share: Share, user_id: int | None) -> Statement[None]:
    """Insert a share; Stale if there is one with them, or if they or the server are gone."""
    return write(
        _ADD,
        {
            "id": share.id,
            "server_id": share.server.id,
            "user_id": user_id,
            "group": share.group,
            "scopes": text(share.scopes),
            "created": micros(share.created),
            "accepted": _perhaps(share.accepted),
            "version": share.version,
        },
    )


def change(was: Share, new: Share) -> Statement[None]:
    """Write `new` over the row that `was` was read from; it must not have changed since.

    Neither the server nor whom it is shared with is written.
    """
    return write(
        _CHANGE,
        {
            "was_id": was.id,
            "was_version": was.version,
            "scopes": text(new.scopes),
            "accepted": _perhaps(new.accepted),
            "version": was.version + 1,
        },
    )


def remove(was: Share) -> Statement[None]:
    """Delete the row that `was` was read from; it must not have changed since."""
    return write(_REMOVE, {"was_id": was.id, "was_version": was.version})


def remove_of_server(server_id: int) -> Statement[None]:
    """Delete every share of a server."""
    return write(_REMOVE_OF_SERVER, {"of_server": server_id}, touches=None)


def _share(row: Row) -> Share:
    id, user, group, scopes, created, accepted, version = row[of_servers.WIDTH :]
    return Share(
        id=id,
        server=of_servers.server(row[: of_servers.WIDTH]),
        user=user,
        group=group,
        scopes=_names(scopes),
        created=instant(created),
        accepted=perhaps(accepted),
        version=version,
    )


def _names(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


def _perhaps(at: datetime | None) -> int | None:
    return None if at is None else micros(at)
