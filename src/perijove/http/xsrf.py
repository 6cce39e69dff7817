"""Xsrf: what proves that a request of a browser comes from a page of ours (hub.md 2.9).

The value is signed and bound to the session, so a cookie of that name that a neighbour (a
user's server, a sibling domain) has planted is not taken for one of ours.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perijove.http.asked import Asked
from perijove.http.cookies import ANONYMOUS_LIFE, XSRF
from perijove.model.errors import Denied
from perijove.model.visitor import Visitor

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = ("x-xsrftoken", "x-csrftoken")
_LIFE = timedelta(days=31)
_LONGEST = 4096
_LATER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Xsrf:
    """Makes, finds and compares the values."""

    secret: bytes
    clock: Callable[[], datetime]

    def value(self, asked: Asked, visitor: Visitor | None) -> tuple[str, bool]:
        """Return the value of this browser, and whether its cookie must be set anew.

        The first cookie whose signature verifies counts; if it was made for another session
        it is replaced.
        """
        who = _identity(asked, visitor)
        for sent in asked.jar.get(XSRF, ()):
            found = self._verified(sent)
            if found is not None:
                if _same(found, who):
                    return sent, False
                break
        if who not in asked.xsrf_values:
            asked.xsrf_values[who] = self._sign(who)
        return asked.xsrf_values[who], True

    def require(self, asked: Asked, visitor: Visitor | None, argument: str) -> None:
        """Refuse a request that no page of ours has sent. `argument`: its `_xsrf`, or ''.

        Raises:
            Denied: the value is missing or another.
        """
        if harmless(asked):
            return
        sent = argument or next((asked.given[h] for h in _HEADERS if asked.given.get(h)), "")
        if not sent:
            raise Denied("xsrf-missing", method=asked.method)
        value, fresh = self.value(asked, visitor)
        if fresh or not (_same(sent, value) or (visitor and self._made_for(visitor, asked, sent))):
            raise Denied("xsrf-mismatch", method=asked.method)

    def _made_for(self, visitor: Visitor, asked: Asked, sent: str) -> bool:
        """Return whether `sent` is another value of this session: two tabs were restored at once.

        Of who has not signed in only the value of the cookie itself is good: a neighbour behind
        the same address can have another.
        """
        found = self._verified(sent)
        return found is not None and _same(found, _identity(asked, visitor))

    def _sign(self, who: str) -> str:
        at = str(int(self.clock().timestamp()))
        value = base64.b64encode(who.encode()).decode()
        text = "|".join(("2", "1:0", *(f"{len(it)}:{it}" for it in (at, XSRF, value)), ""))
        signed = (text + self._signature(text)).encode()
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def _signature(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()

    def _verified(self, sent: str) -> str | None:
        """Return whom the value was made for, or None if we have not made it, or long ago."""
        if len(sent) > _LONGEST:
            return None
        try:
            text = base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4)).decode("ascii")
        except ValueError:
            return None
        body, bar, signature = text.rpartition("|")
        if not hmac.compare_digest(self._signature(body + bar).encode(), signature.encode()):
            return None
        _, _, at, name, value, *_ = (part.rpartition(":")[2] for part in body.split("|"))
        age = self.clock().timestamp() - int(at)
        if name != XSRF or not -_LATER.total_seconds() < age < _LIFE.total_seconds():
            return None
        return base64.b64decode(value).decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def harmless(asked: Asked) -> bool:
    """Return whether no script of another page can read the answer, nor do harm by asking."""
    mode = asked.given.get("sec-fetch-mode", "")
    if mode == "websocket":
        return True
    if asked.method not in SAFE:
        return False
    if mode == "no-cors":
        return asked.given.get("sec-fetch-site") == "same-origin"
    return mode in {"", "navigate"}


def navigates(asked: Asked) -> bool:
    """Return whether a person goes to a page, so that its cookies may be set."""
    return asked.given.get("sec-fetch-mode", "") in {"", "navigate"}


def life(visitor: Visitor | None) -> int | None:
    """Return how many seconds the cookie lives; None is as long as the browser."""
    return None if visitor else ANONYMOUS_LIFE


def _identity(asked: Asked, visitor: Visitor | None) -> str:
    if visitor:
        return f"{visitor.session.session}:{visitor.session.id}"
    seen = f"{asked.address}\0{asked.given.get('user-agent', '')}".encode()
    return "None:" + base64.urlsafe_b64encode(hashlib.sha256(seen).digest()).decode()
