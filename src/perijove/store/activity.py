"""Statements that move last_activity of users and servers, only forward."""

from datetime import datetime

from sqlalchemy import Table, bindparam, case, func, or_, select, update

from perijove.model.server import Phase, Server
from perijove.model.user import User
from perijove.store.access_tables import tokens
from perijove.store.statement import Query, Statement, write
from perijove.store.tables import micros, servers, users


def _forward(table: Table) -> Query:
    last = table.c.last_activity
    return Query(
        update(table)
        .where(table.c.id == bindparam("was_id"), or_(last.is_(None), last < bindparam("than")))
        .values(last_activity=bindparam("at"))
    )


_SINCE = Query(
    select(func.count()).select_from(users).where(users.c.last_activity >= bindparam("since"))
)
_s = servers.c
_USE = Query(
    update(servers)
    .where(_s.id == bindparam("was_id"))
    .values(
        used=case((func.coalesce(_s.used, 0) < bindparam("at"), bindparam("at")), else_=_s.used),
        told=bindparam("heard"),
    )
)
_UNUSED = Query(
    update(servers)
    .where(
        _s.id == bindparam("was_id"),
        func.coalesce(_s.used, 0) <= bindparam("used_until"),
        func.coalesce(_s.last_activity, 0) <= bindparam("active_until"),
        func.coalesce(_s.keep_until, 0) == bindparam("kept_until"),
    )
    .values(last_activity=_s.last_activity)
)
_NOT_SEEN = Query(
    update(users)
    .where(
        users.c.id == bindparam("was_id"),
        func.coalesce(users.c.last_activity, 0) <= bindparam("seen_until"),
    )
    .values(last_activity=users.c.last_activity)
)
_KEEP = Query(
    update(servers)
    .where(_s.id == bindparam("was_id"), _s.phase == Phase.RUNNING.value)
    .values(keep_until=bindparam("until"))
)
_USER, _SERVER, _TOKEN = _forward(users), _forward(servers), _forward(tokens)


def of_user(user_id: int, at: datetime) -> Statement[None]:
    """Note that the user was active at `at`, unless they have been since."""
    return _noted(_USER, user_id, at)


def of_server(server_id: int, at: datetime) -> Statement[None]:
    """Note that the server was used at `at`, unless it has been since."""
    return _noted(_SERVER, server_id, at)


def of_token(token_id: int, at: datetime) -> Statement[None]:
    """Note that the token was shown at `at`, unless it has been since."""
    return _noted(_TOKEN, token_id, at)


def of_report(server_id: int, used: datetime, told: datetime) -> Statement[None]:
    """Note that the server said at `told` that it was last in use at `used`."""
    given = {"was_id": server_id, "at": micros(used), "heard": micros(told)}
    return write(_USE, given, touches=None)


def unused_since(server: Server) -> Statement[None]:
    """Require that nothing is known of its use that is newer than the row that was read."""
    given = {
        "was_id": server.id,
        "used_until": micros(server.used) if server.used else 0,
        "active_until": micros(server.last_activity) if server.last_activity else 0,
        "kept_until": micros(server.keep_until) if server.keep_until else 0,
    }
    return write(_UNUSED, given)


def not_seen_since(user: User) -> Statement[None]:
    """Require that nothing is known of a person that is newer than the row that was read."""
    seen = micros(user.last_activity) if user.last_activity else 0
    return write(_NOT_SEEN, {"was_id": user.id, "seen_until": seen})


def keep(server_id: int, until: datetime) -> Statement[None]:
    """Note that its owner wants a server that runs until then; Stale if it does not run."""
    return write(_KEEP, {"was_id": server_id, "until": micros(until)})


def people_since(at: datetime) -> Statement[int]:
    """Return how many users were active at `at` or later."""
    return Statement(_SINCE, {"since": micros(at)}, lambda rows: int(rows[0][0]))


def _noted(query: Query, id: int, at: datetime) -> Statement[None]:
    stored = micros(at)
    return write(query, {"was_id": id, "at": stored, "than": stored}, touches=None)
