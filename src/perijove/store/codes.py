"""Statements on pj_codes."""

import json
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from perijove.model.client import Code
from perijove.store.access_tables import codes
from perijove.store.statement import Query, Row, Statement, lookup, one, write
from perijove.store.tables import instant, micros, text

_c = codes.c
_FIND = Query(select(codes).where(_c.secret == bindparam("secret")))
_ADD = Query(insert(codes))
_SPEND = Query(
    update(codes)
    .where(_c.secret == bindparam("was_secret"), _c.token_id.is_(None))
    .values(token_id=bindparam("token"))
)
_OF_USER = _c.user_id == bindparam("of_user")
_REMOVE_SESSION = Query(delete(codes).where(_OF_USER, _c.session == bindparam("of_session")))
_REMOVE_ALL = Query(delete(codes).where(_OF_USER, _c.session != bindparam("but")))
_COUNT = Query(select(func.count()).select_from(codes))
_PURGE = Query(delete(codes).where(_c.expires <= bindparam("before")))


def find(secret: str) -> Statement[Code | None]:
    """Return the code whose digest is `secret`, or None."""
    return lookup(_FIND, {"secret": secret}, one(_code))


def add(code: Code, secret: str) -> Statement[None]:
    """Insert a code whose digest is `secret`."""
    return write(
        _ADD,
        {
            "secret": secret,
            "client": code.client,
            "user_id": code.user_id,
            "session": code.session,
            "redirect_uri": code.redirect_uri,
            "scopes": text(code.scopes),
            "challenge": code.challenge,
            "method": code.method,
            "expires": micros(code.expires),
            "token_id": code.token_id,
        },
    )


def spend(secret: str, token_id: int) -> Statement[None]:
    """Note which token the code gave; it must have given none before."""
    return write(_SPEND, {"was_secret": secret, "token": token_id})


def remove_of_session(user_id: int, session: str) -> Statement[None]:
    """Delete the codes that were given to a browser."""
    return write(_REMOVE_SESSION, {"of_user": user_id, "of_session": session}, touches=None)


def remove_all(user_id: int, but: str = "") -> Statement[None]:
    """Delete the codes of `user_id`, all but those of the session whose cookie says `but`."""
    return write(_REMOVE_ALL, {"of_user": user_id, "but": but}, touches=None)


def count() -> Statement[int]:
    """Return how many there are."""
    return Statement(_COUNT, {}, lambda rows: int(rows[0][0]))


def purge(before: datetime) -> Statement[None]:
    """Delete what expired before `before`."""
    return write(_PURGE, {"before": micros(before)}, touches=None)


def _code(row: Row) -> Code:
    (_, client, user_id, session, redirect_uri, scopes,
     challenge, method, expires, token_id) = row  # fmt: skip
    return Code(
        client=client,
        user_id=user_id,
        session=session,
        redirect_uri=redirect_uri,
        scopes=tuple(json.loads(scopes)),
        challenge=challenge,
        method=method,
        expires=instant(expires),
        token_id=token_id,
    )
