"""Statements on what the authenticator says of people: sealed text, and when it said so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from perijove.store.statement import (
    Query,
    Row,
    Statement,
    Statements,
    Value,
    lookup,
    one,
    write,
)
from perijove.store.tables import auth_states, micros, perhaps, users

_c, _s = users.c, auth_states.c
_OWN = _c.id == bindparam("was_id")
_FREE = func.coalesce(_c.asking, 0) <= bindparam("now")
_HELD = _c.asking == bindparam("was_asking")
_FIND = Query(
    select(_s.sealed, _c.refreshed)
    .select_from(users.outerjoin(auth_states))
    .where(_c.id == bindparam("id"))
)
_THERE = Query(update(users).where(_OWN).values(asking=_c.asking))
_CLAIM = Query(update(users).where(_OWN, _FREE).values(asking=bindparam("until")))
_SEEN = func.coalesce(_c.refreshed, 0) == bindparam("seen")
_CLAIM_SEEN = Query(update(users).where(_OWN, _FREE, _SEEN).values(asking=bindparam("until")))
_ANSWER: dict[Any, Any] = {_c.refreshed: bindparam("at"), _c.asking: None}
_SIGNED_IN = Query(update(users).where(_OWN).values(_ANSWER))
_HOLD = Query(update(users).where(_OWN, _HELD).values(asking=bindparam("was_asking")))
_DROP = Query(update(users).where(_OWN).values(asking=None))
_ANSWERED = Query(update(users).where(_OWN, _HELD).values(_ANSWER))
_REMOVE = Query(delete(auth_states).where(_s.user_id == bindparam("was_id")))
_ADD = Query(insert(auth_states))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one person."""

    sealed: str | None
    refreshed: datetime | None
    """When the authenticator last said who they are."""


def find(user_id: int) -> Statement[Kept | None]:
    """Return what is known of `user_id`; None: they are gone."""
    return lookup(_FIND, {"id": user_id}, one(_kept))


def keep(user_id: int, sealed: str | None) -> Statements:
    """Write another state, or None; they must be there."""
    there = write(_THERE, {"was_id": user_id})  # others wait here, so that none of them adds two
    return (there, *_state(user_id, sealed))


def signed_in(user_id: int, at: datetime, sealed: str | None) -> Statements:
    """Write what they have come with; None leaves the state as it is. Nobody need be asked now."""
    values: dict[str, Value] = {"was_id": user_id, "at": micros(at)}
    state = () if sealed is None else _state(user_id, sealed)
    return (write(_SIGNED_IN, values), *state)


def claim(user_id: int, now: datetime, until: datetime) -> Statement[None]:
    """Let nobody else ask of them until then; Stale if somebody else does."""
    return write(_CLAIM, {"was_id": user_id, "now": micros(now), "until": micros(until)})


def claim_old(user_id: int, now: datetime, until: datetime, seen: datetime) -> Statement[None]:
    """Do the same; Stale also if somebody has had an answer since the one of `seen`."""
    values: dict[str, Value] = {"was_id": user_id, "now": micros(now), "until": micros(until)}
    return write(_CLAIM_SEEN, {**values, "seen": micros(seen)})


def hold(user_id: int, until: datetime) -> Statement[None]:
    """Require that who has claimed it until then still does; Stale if they do no more."""
    return write(_HOLD, {"was_id": user_id, "was_asking": micros(until)})


def drop(user_id: int) -> Statement[None]:
    """Let whoever asks of them now write nothing of the answer."""
    return write(_DROP, {"was_id": user_id}, touches=None)


def answered(user_id: int, until: datetime, at: datetime, sealed: str | None) -> Statements:
    """Write what was answered to who has claimed it until then; Stale if that holds no more."""
    values: dict[str, Value] = {"was_id": user_id, "was_asking": micros(until), "at": micros(at)}
    state = () if sealed is None else _state(user_id, sealed)
    return (write(_ANSWERED, values), *state)


def _state(user_id: int, sealed: str | None) -> Statements:
    remove = write(_REMOVE, {"was_id": user_id}, touches=None)
    if sealed is None:
        return (remove,)
    return remove, write(_ADD, {"user_id": user_id, "sealed": sealed})


def _kept(row: Row) -> Kept:
    return Kept(sealed=row[0], refreshed=perhaps(row[1]))
