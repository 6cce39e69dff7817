"""Statements on departures: whose deletion was begun for want of them, and is to be ended."""

from datetime import UTC, datetime

from perijove.store import attempts
from perijove.store.attempts import Attempts
from perijove.store.statement import Statement

_MOST = 1 << 30
_BEFORE, _EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def begin(user_id: int) -> Statement[None]:
    """Write that it is begun; it must not be already."""
    return attempts.claim(_key(user_id))


def find(user_id: int) -> Statement[Attempts | None]:
    """Return something if it was begun."""
    return attempts.find(_key(user_id))


def require(user_id: int) -> Statement[None]:
    """Be stale unless it is begun."""
    return attempts.another(_key(user_id), _BEFORE, _EVER, _MOST)


def forget(user_id: int) -> Statement[None]:
    """Begin anew, if ever: somebody has decided about them since, or they are gone."""
    return attempts.forget(_key(user_id))


def _key(user_id: int) -> str:
    return f"leaving:{user_id}"
