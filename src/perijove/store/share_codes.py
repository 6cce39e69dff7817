"""Statements on pj_share_codes. A code is stored as its digest, and shown never again."""

import json
from datetime import datetime

from sqlalchemy import Select, bindparam, delete, insert, select, update

from perijove.model.share import ShareCode
from perijove.model.user import Standing
from perijove.store import servers as of_servers
from perijove.store.access_tables import share_codes
from perijove.store.statement import Query, Row, Statement, every, lookup, one, write
from perijove.store.tables import instant, micros, perhaps, servers, text, users

_c = share_codes.c
_ROWS: Select[tuple[object, ...]] = select(
    *servers.columns, users.c.name.label("user"),
    _c.id, _c.scopes, _c.created, _c.expires, _c.exchanges, _c.exchanged,
).select_from(
    share_codes.join(servers, servers.c.id == _c.server_id).join(
        users, users.c.id == servers.c.user_id
    )
).where(_c.expires > bindparam("now")).order_by(_c.id)  # fmt: skip
_FIND = Query(
    _ROWS.where(_c.secret == bindparam("secret"), users.c.standing == Standing.ACTIVE.value)
)
_OF_OWNER = Query(_ROWS.where(servers.c.user_id == bindparam("owner")))
_OF_SERVER = Query(_ROWS.where(_c.server_id == bindparam("server")))
_ADD = Query(insert(share_codes))
_USE = Query(
    update(share_codes)
    .where(_c.id == bindparam("was_id"), _c.expires > bindparam("now"))
    .values(exchanges=_c.exchanges + 1, exchanged=bindparam("at"))
)
_IN_SERVER = _c.server_id == bindparam("of_server")
_REMOVE = Query(delete(share_codes).where(_IN_SERVER, _c.id == bindparam("was_id")))
_REMOVE_SECRET = Query(delete(share_codes).where(_IN_SERVER, _c.secret == bindparam("was_secret")))
_REMOVE_OF_SERVER = Query(delete(share_codes).where(_IN_SERVER))
_PURGE = Query(delete(share_codes).where(_c.expires <= bindparam("now")))


def find(secret: str, now: datetime) -> Statement[ShareCode | None]:
    """Return the code whose digest is `secret`, if it is good now and its owner may sign in."""
    return lookup(_FIND, {"secret": secret, "now": micros(now)}, one(_code))


def of_owner(user_id: int, now: datetime) -> Statement[list[ShareCode]]:
    """Return the codes of every server of a person that are good now, the oldest first."""
    return Statement(_OF_OWNER, {"owner": user_id, "now": micros(now)}, every(_code))


def of_server(server_id: int, now: datetime) -> Statement[list[ShareCode]]:
    """Return the codes of a server that are good now, the oldest first."""
    return Statement(_OF_SERVER, {"server": server_id, "now": micros(now)}, every(_code))


def add(code: ShareCode, secret: str) -> Statement[None]:
    """Insert a code whose digest is `secret`; Stale if the server is gone."""
    return write(
        _ADD,
        {
            "id": code.id,
            "secret": secret,
            "server_id": code.server.id,
            "scopes": text(code.scopes),
            "created": micros(code.created),
            "expires": micros(code.expires),
            "exchanges": code.exchanges,
            "exchanged": None,
        },
    )


def use(code_id: int, now: datetime) -> Statement[None]:
    """Count one more who has come with it; Stale if it is gone or has expired."""
    return write(_USE, {"was_id": code_id, "now": micros(now), "at": micros(now)})


def remove(server_id: int, id: int) -> Statement[None]:
    """Delete a code of a server; Stale if it has none such."""
    return write(_REMOVE, {"of_server": server_id, "was_id": id})


def remove_secret(server_id: int, secret: str) -> Statement[None]:
    """Delete the code of a server whose digest is `secret`; Stale if it has none such."""
    return write(_REMOVE_SECRET, {"of_server": server_id, "was_secret": secret})


def remove_of_server(server_id: int) -> Statement[None]:
    """Delete every code of a server."""
    return write(_REMOVE_OF_SERVER, {"of_server": server_id}, touches=None)


def purge(now: datetime) -> Statement[None]:
    """Delete what has expired."""
    return write(_PURGE, {"now": micros(now)}, touches=None)


def _code(row: Row) -> ShareCode:
    id, scopes, created, expires, exchanges, exchanged = row[of_servers.WIDTH :]
    return ShareCode(
        id=id,
        server=of_servers.server(row[: of_servers.WIDTH]),
        scopes=tuple(json.loads(scopes)),
        created=instant(created),
        expires=instant(expires),
        exchanges=exchanges,
        exchanged=perhaps(exchanged),
    )
