"""Audit: who asked for what to change, for whom, from where, as whom, and how it ended."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from perijove.core.trail import Trail
from perijove.http.asked import Asked
from perijove.http.page import Page
from perijove.http.route import Route
from perijove.http.xsrf import SAFE
from perijove.kit.clock import Clock
from perijove.kit.journal import Journal
from perijove.model.principal import Principal
from perijove.model.share import ShareCode
from perijove.model.token import Kind, Token
from perijove.model.user import User

logger = logging.getLogger("perijove.audit")

_LONGEST = 255
"""Characters of anything that a client has made up."""
_MOST_ITEMS, _MOST_DETAILS = 1000, 65_536
"""Things in a list, and characters of all details, of one entry."""
_GOOD = 400
_TOLD = 20
"""Refusals of each caller in a minute that are told of."""


@dataclass(slots=True)
class Refusals:
    """Counts what each caller is refused: of many in a minute, some are only counted.

    Else whoever has signed in could push out everything that is older, by asking in vain.
    """

    _minute: int = 0
    _told: Counter[str] = field(default_factory=Counter[str])
    _left_out: Counter[str] = field(default_factory=Counter[str])

    def count(self, caller: str, now: datetime) -> int | None:
        """Count one; return how many before it were left out, None if it is left out as well."""
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        self._told[caller] += 1
        if self._told[caller] > _TOLD:
            self._left_out[caller] += 1
            return None
        return self._left_out.pop(caller, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Leaves one entry for every call that changes something, or was to.

    What nobody knows has asked in vain leaves none, or a stranger could write the journal full;
    but a sign-in that fails does (their number is limited).
    """

    clock: Clock
    journal: Journal | None
    """None: entries are logged, for whoever gathers the logs (a cluster)."""
    trail: Trail = field(default_factory=Trail)
    """Reads them back."""
    refusals: Refusals = field(default_factory=Refusals)

    async def __call__(
        self, asked: Asked, row: Route | Page, params: Mapping[str, str], status: int, code: str
    ) -> None:
        """Leave the entry of one call: it is written before the call is answered."""
        if not _matters(asked, row, status):
            return
        left_out: int | None = 0
        if asked.caller is not None and status >= _GOOD:
            left_out = self.refusals.count(asked.caller.name, self.clock())
        if left_out is None:
            return
        entry = {
            "at": self.clock().isoformat(timespec="milliseconds"),
            "request": asked.id,
            **_who(asked.caller),
            "from": asked.address,
            "call": f"{asked.method} {row.path}",
            **_given("about", _about(params)),
            **_given("details", _short(asked.done)),
            "status": status,
            **_given("error", code),
            **_given("refused_before", left_out),
        }
        if self.journal is None:
            self.trail.remember(entry)
            logger.info("%s by %s: %d", entry["call"], entry["who"], status, extra={"audit": entry})
        else:
            await self.journal.write(entry)


def _about(params: Mapping[str, str]) -> dict[str, str]:
    """Return what the path says, but a secret, which is in no log."""
    return {name: value[:_LONGEST] for name, value in params.items() if name != "secret"}


def _short(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return `details` without what is too long to be kept: whoever calls has made it up."""
    cut: dict[str, Any] = {key: _cut(value) for key, value in details.items()}
    if len(json.dumps(cut, default=str)) <= _MOST_DETAILS:
        return cut
    return {key: it if isinstance(it, bool | int) else "…" for key, it in cut.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST]
    if isinstance(value, list | tuple | set | frozenset):
        return [_cut(it) for it in islice(value, _MOST_ITEMS)]
    if isinstance(value, Mapping):
        return {str(key)[:_LONGEST]: _cut(it) for key, it in islice(value.items(), _MOST_ITEMS)}
    return value


def of_token(token: Token) -> dict[str, Any]:
    """Return what an entry tells of a new token."""
    return {"token": f"a{token.id}", "note": token.note, "scopes": list(token.scopes)}


def of_sign_out(user: User) -> dict[str, Any]:
    """Return what an entry tells where the authenticator has signed `user` out."""
    return {"name": user.name[:_LONGEST], "signed_out": True}


def of_code(code: ShareCode) -> dict[str, Any]:
    """Return what an entry tells of a new share code."""
    until = code.expires.isoformat(timespec="seconds")
    return {"share_code": f"sc_{code.id}", "scopes": list(code.scopes), "until": until}


def _matters(asked: Asked, row: Route | Page, status: int) -> bool:
    if asked.done:
        return True
    if asked.method in SAFE or row.unaudited:
        return False
    return asked.caller is not None or status < _GOOD


def _who(caller: Principal | None) -> dict[str, Any]:
    """Return who asks, and what they have shown to say so."""
    if caller is None:
        return {"who": None}
    return {"who": caller.name, "kind": caller.kind, "by": _means(caller), "admin": caller.admin}


def _means(caller: Principal) -> str:
    if caller.cookie:
        return "session"
    if caller.token_id is None:
        shown = caller.kind == "service" or caller.token_kind is not None
        return "token" if shown else "password"
    kind = "token" if caller.token_kind is Kind.API else f"{caller.token_kind} token"
    return f"{kind} a{caller.token_id}"


def _given(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}
