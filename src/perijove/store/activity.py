"""Statements that move last_activity of users and servers, only forward."""

from datetime import datetime

from sqlalchemy import Table, bindparam, func, or_, select, update

from perijove.store.statement import Query, Statement, write
from perijove.store.tables import micros, servers, tokens, users


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


def people_since(at: datetime) -> Statement[int]:
    """Return how many users were active at `at` or later."""
    return Statement(_SINCE, {"since": micros(at)}, lambda rows: int(rows[0][0]))


def _noted(query: Query, id: int, at: datetime) -> Statement[None]:
    stored = micros(at)
    return write(query, {"was_id": id, "at": stored, "than": stored}, touches=None)
