"""Statements on pj_sessions. The secret of the cookie is stored as its digest."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from perijove.model.token import Session
from perijove.model.user import User
from perijove.store import users as people
from perijove.store.access_tables import sessions
from perijove.store.statement import Query, Row, Statement, every, lookup, write
from perijove.store.tables import instant, members, micros, users

_c = sessions.c
_COLUMNS = (
    _c.id, _c.user_id, _c.session, _c.created, _c.seen, _c.expires, _c.address, _c.agent,
)  # fmt: skip
_FOUND = Query(
    select(*people.COLUMNS, members.c.group, *_COLUMNS)
    .join_from(sessions, users)
    .outerjoin(members, members.c.user_id == users.c.id)
    .where(_c.secret == bindparam("secret"))
)
_OF = Query(
    select(*_COLUMNS).where(_c.user_id == bindparam("user_id")).order_by(_c.seen.desc(), _c.id)
)
_ADD = Query(insert(sessions))
_SEEN = Query(
    update(sessions)
    .where(_c.id == bindparam("was_id"), _c.seen < bindparam("than"))
    .values(seen=bindparam("at"))
)
_HOLD = Query(
    update(sessions)
    .where(_c.user_id == bindparam("of_user"), _c.session == bindparam("of_session"))
    .values(session=bindparam("of_session"))
)
_REMOVE = Query(delete(sessions).where(_c.id == bindparam("was_id")))
_REMOVE_ALL = Query(
    delete(sessions).where(_c.user_id == bindparam("of_user"), _c.session != bindparam("but"))
)
_COUNT = Query(select(func.count()).select_from(sessions))
_PURGE = Query(delete(sessions).where(_c.expires <= bindparam("now")))


def found(secret: str) -> Statement[tuple[Session, User] | None]:
    """Return the session of the digest `secret`, and its user."""
    return lookup(_FOUND, {"secret": secret}, _with_user)


def of(user_id: int) -> Statement[list[Session]]:
    """Return the sessions of `user_id`, the last seen first."""
    return Statement(_OF, {"user_id": user_id}, every(_session))


def add(session: Session, secret: str) -> Statement[None]:
    """Insert a session whose secret has the digest `secret`."""
    return write(
        _ADD,
        {
            "id": session.id,
            "secret": secret,
            "user_id": session.user_id,
            "session": session.session,
            "created": micros(session.created),
            "seen": micros(session.seen),
            "expires": micros(session.expires),
            "address": session.address,
            "agent": session.agent,
        },
    )


def see(id: int, at: datetime) -> Statement[None]:
    """Note that the session was used at `at`, unless it has been since."""
    return write(_SEEN, {"was_id": id, "than": micros(at), "at": micros(at)}, touches=None)


def hold(user_id: int, session: str) -> Statement[None]:
    """Require that the session is there, and let nobody end it before what is written with this."""
    return write(_HOLD, {"of_user": user_id, "of_session": session})


def remove(id: int) -> Statement[None]:
    """Delete the session, if it is there."""
    return write(_REMOVE, {"was_id": id}, touches=None)


def remove_all(user_id: int, but: str = "") -> Statement[None]:
    """Delete the sessions of `user_id`, all but the one whose cookie says `but`."""
    return write(_REMOVE_ALL, {"of_user": user_id, "but": but}, touches=None)


def count() -> Statement[int]:
    """Return how many there are."""
    return Statement(_COUNT, {}, lambda rows: int(rows[0][0]))


def purge(now: datetime) -> Statement[None]:
    """Delete what has expired."""
    return write(_PURGE, {"now": micros(now)}, touches=None)


def _with_user(rows: Sequence[Row]) -> tuple[Session, User] | None:
    user = people.first(rows)
    if user is None:
        return None
    return _session(rows[0][people.WIDTH + 1 :]), user


def _session(row: Row) -> Session:
    id, user_id, session, created, seen, expires, address, agent = row
    return Session(
        id=id,
        user_id=user_id,
        session=session,
        created=instant(created),
        seen=instant(seen),
        expires=instant(expires),
        address=address,
        agent=agent,
    )
