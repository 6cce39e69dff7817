"""Statements on what the authenticator says of people: sealed text, and when it said so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update

from perijove.store.statement import Query, Row, Statement, Value, lookup, one, write
from perijove.store.tables import micros, perhaps, users

_c = users.c
_OWN = _c.id == bindparam("was_id")
_FREE = func.coalesce(_c.asking, 0) <= bindparam("now")
_HELD = _c.asking == bindparam("was_asking")
_FIND = Query(select(_c.auth_state, _c.refreshed).where(_c.id == bindparam("id")))
_KEEP = Query(update(users).where(_OWN).values(auth_state=bindparam("state")))
_CLAIM = Query(update(users).where(_OWN, _FREE).values(asking=bindparam("until")))
_SEEN = func.coalesce(_c.refreshed, 0) == bindparam("seen")
_CLAIM_SEEN = Query(update(users).where(_OWN, _FREE, _SEEN).values(asking=bindparam("until")))
_ANSWER: dict[Any, Any] = {_c.refreshed: bindparam("at"), _c.asking: None}
_STATE = {**_ANSWER, _c.auth_state: bindparam("state")}
_SIGNED_IN = Query(update(users).where(_OWN).values(_ANSWER))
_SIGNED_IN_WITH = Query(update(users).where(_OWN).values(_STATE))
_ANSWERED = Query(update(users).where(_OWN, _HELD).values(_ANSWER))
_ANSWERED_WITH = Query(update(users).where(_OWN, _HELD).values(_STATE))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one person."""

    sealed: str | None
    refreshed: datetime | None
    """When the authenticator last said who they are."""


def find(user_id: int) -> Statement[Kept | None]:
    """Return what is known of `user_id`; None: they are gone."""
    return lookup(_FIND, {"id": user_id}, one(_kept))


def keep(user_id: int, sealed: str | None) -> Statement[None]:
    """Write another state; they must be there."""
    return write(_KEEP, {"was_id": user_id, "state": sealed})


def signed_in(user_id: int, at: datetime, sealed: str | None) -> Statement[None]:
    """Write what they have come with; None leaves the state as it is. Nobody need be asked now."""
    values: dict[str, Value] = {"was_id": user_id, "at": micros(at)}
    if sealed is None:
        return write(_SIGNED_IN, values)
    return write(_SIGNED_IN_WITH, {**values, "state": sealed})


def claim(user_id: int, now: datetime, until: datetime) -> Statement[None]:
    """Let nobody else ask of them until then; Stale if somebody else does."""
    return write(_CLAIM, {"was_id": user_id, "now": micros(now), "until": micros(until)})


def claim_old(user_id: int, now: datetime, until: datetime, seen: datetime) -> Statement[None]:
    """Do the same; Stale also if somebody has had an answer since the one of `seen`."""
    values: dict[str, Value] = {"was_id": user_id, "now": micros(now), "until": micros(until)}
    return write(_CLAIM_SEEN, {**values, "seen": micros(seen)})


def answered(user_id: int, until: datetime, at: datetime, sealed: str | None) -> Statement[None]:
    """Write what was answered to who has claimed it until then; Stale if that holds no more."""
    values: dict[str, Value] = {"was_id": user_id, "was_asking": micros(until), "at": micros(at)}
    if sealed is None:
        return write(_ANSWERED, values)
    return write(_ANSWERED_WITH, {**values, "state": sealed})


def _kept(row: Row) -> Kept:
    return Kept(sealed=row[0], refreshed=perhaps(row[1]))
