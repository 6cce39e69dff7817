"""Statements on pj_tokens. A secret is stored as its digest, and read back never."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from perijove.model.token import Kind, Token
from perijove.model.user import User
from perijove.store import users as people
from perijove.store.access_tables import tokens
from perijove.store.statement import Query, Row, Statement, every, lookup, one, write
from perijove.store.tables import instant, members, micros, perhaps, text, users

_c = tokens.c
_COLUMNS = (
    _c.id, _c.kind, _c.user_id, _c.note, _c.scopes, _c.created, _c.expires, _c.last_activity,
    _c.client, _c.server_id, _c.session,
)  # fmt: skip
_ROWS = select(*_COLUMNS, users.c.name).join(users)
_FOUND = Query(
    select(*people.COLUMNS, members.c.group, *_COLUMNS, users.c.name)
    .join_from(tokens, users)
    .outerjoin(members, members.c.user_id == users.c.id)
    .where(_c.secret == bindparam("secret"))
)
_OF = Query(
    _ROWS.where(_c.user_id == bindparam("user_id")).order_by(
        func.coalesce(_c.last_activity, _c.created), _c.id
    )
)
_ONE = Query(_ROWS.where(_c.user_id == bindparam("user_id"), _c.id == bindparam("id")))
_OF_CLIENT = Query(
    _ROWS.where(_c.user_id == bindparam("user_id"), _c.client == bindparam("client"))
)
_NONE = "-"
"""No session is called that."""
_ADD = Query(insert(tokens))
_HOLD = Query(update(tokens).where(_c.id == bindparam("was_id")).values(id=bindparam("was_id")))
_REMOVE = Query(delete(tokens).where(_c.id == bindparam("was_id")))
_OF_USER = _c.user_id == bindparam("of_user")
_REMOVE_ALL = Query(delete(tokens).where(_OF_USER))
_REMOVE_ALL_BUT = Query(
    delete(tokens).where(
        _OF_USER,
        _c.kind != Kind.SERVER.value,
        func.coalesce(_c.session, _NONE) != bindparam("but"),
    )
)
_REMOVE_SESSION = Query(delete(tokens).where(_OF_USER, _c.session == bindparam("of_session")))
_REMOVE_CLIENT = Query(delete(tokens).where(_c.client == bindparam("of_client")))
_REMOVE_CLIENT_OF = Query(delete(tokens).where(_OF_USER, _c.client == bindparam("of_client")))
_REMOVE_SERVER = Query(delete(tokens).where(_OF_USER, _c.server_id == bindparam("of_server")))
_CLIENTS = Query(select(_c.client).where(_c.client.startswith(bindparam("begin"))).distinct())
_FILTERED = Query(select(_c.id, _c.scopes).where(_c.scopes.like("%!%=%")))
_RESCOPE = Query(
    update(tokens)
    .where(_c.id == bindparam("was_id"), _c.scopes == bindparam("was_text"))
    .values(scopes=bindparam("scopes"))
)
_COUNTED = Query(select(_c.kind, func.count()).group_by(_c.kind))
_PURGE = Query(delete(tokens).where(_c.expires <= bindparam("now")))


def found(secret: str) -> Statement[tuple[Token, User] | None]:
    """Return the token whose secret has the digest `secret`, and its owner; or None."""
    return lookup(_FOUND, {"secret": secret}, _with_owner)


def of(user_id: int) -> Statement[list[Token]]:
    """Return every token of `user_id`, the longest unused first."""
    return Statement(_OF, {"user_id": user_id}, every(_token))


def one_of(user_id: int, id: int) -> Statement[Token | None]:
    """Return that token of `user_id`, or None."""
    return lookup(_ONE, {"user_id": user_id, "id": id}, one(_token))


def of_client(user_id: int, client: str) -> Statement[list[Token]]:
    """Return the tokens of `user_id` that were issued to `client`."""
    return Statement(_OF_CLIENT, {"user_id": user_id, "client": client}, every(_token))


def add(token: Token, secret: str) -> Statement[None]:
    """Insert a token whose secret has the digest `secret`."""
    return write(
        _ADD,
        {
            "id": token.id,
            "secret": secret,
            "kind": token.kind.value,
            "user_id": token.user_id,
            "client": token.client,
            "server_id": token.server_id,
            "session": token.session,
            "note": token.note,
            "scopes": text(token.scopes),
            "created": micros(token.created),
            "expires": micros(token.expires) if token.expires else None,
            "last_activity": micros(token.last_activity) if token.last_activity else None,
        },
    )


def hold(id: int) -> Statement[None]:
    """Require that the token is there, and let nobody end it before what is written with this."""
    return write(_HOLD, {"was_id": id})


def remove(id: int) -> Statement[None]:
    """Delete one token, if it is there."""
    return write(_REMOVE, {"was_id": id}, touches=None)


def remove_all(user_id: int) -> Statement[None]:
    """Delete every token of `user_id`."""
    return write(_REMOVE_ALL, {"of_user": user_id}, touches=None)


def remove_all_but(user_id: int, session: str = "") -> Statement[None]:
    """Delete the tokens of `user_id`, but those issued under `session` and those of servers.

    A server's own token dies with its incarnation; without it a server that runs is lost.
    """
    return write(_REMOVE_ALL_BUT, {"of_user": user_id, "but": session}, touches=None)


def remove_of_session(user_id: int, session: str) -> Statement[None]:
    """Delete the tokens of `user_id` that were issued under `session`."""
    return write(_REMOVE_SESSION, {"of_user": user_id, "of_session": session}, touches=None)


def remove_of_client(client: str, user_id: int | None = None) -> Statement[None]:
    """Delete the tokens that were issued to `client`: those of `user_id`, or everybody's."""
    if user_id is None:
        return write(_REMOVE_CLIENT, {"of_client": client}, touches=None)
    return write(_REMOVE_CLIENT_OF, {"of_client": client, "of_user": user_id}, touches=None)


def clients_like(begin: str) -> Statement[list[str]]:
    """Return the clients that tokens were issued to, of those whose id begins so."""
    return Statement(_CLIENTS, {"begin": begin}, every(lambda row: str(row[0])))


def remove_of_server(server_id: int, user_id: int) -> Statement[None]:
    """Delete the own tokens of a server of `user_id`."""
    given = {"of_server": server_id, "of_user": user_id}
    return write(_REMOVE_SERVER, given, touches=None)


def filtered() -> Statement[list[tuple[int, str]]]:
    """Return the id and the scopes, as JSON, of every token with one that is filtered."""
    return Statement(_FILTERED, {}, every(lambda row: (int(row[0]), str(row[1]))))


def rescope(id: int, was: str, scopes: Sequence[str]) -> Statement[None]:
    """Write other scopes of a token; Stale if it is gone, or has others than `was`, as JSON."""
    return write(_RESCOPE, {"was_id": id, "was_text": was, "scopes": text(scopes)})


def counted() -> Statement[dict[str, int]]:
    """Return how many there are of each kind."""
    return Statement(_COUNTED, {}, lambda rows: {str(row[0]): int(row[1]) for row in rows})


def purge(now: datetime) -> Statement[None]:
    """Delete what has expired."""
    return write(_PURGE, {"now": micros(now)}, touches=None)


def _with_owner(rows: Sequence[Row]) -> tuple[Token, User] | None:
    owner = people.first(rows)
    return (_token(rows[0][people.WIDTH + 1 :]), owner) if owner else None


def _token(row: Row) -> Token:
    (id, kind, user_id, note, scopes, created, expires, last,
     client, server_id, session, user) = row  # fmt: skip
    return Token(
        id=id,
        kind=Kind(kind),
        user_id=user_id,
        user=user,
        note=note,
        scopes=tuple(json.loads(scopes)),
        created=instant(created),
        expires=perhaps(expires),
        last_activity=perhaps(last),
        client=client,
        server_id=server_id,
        session=session,
    )
