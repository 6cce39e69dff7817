"""Is it the page that asks, or another page in the same browser? Checked for cookies only.

All servers share one host, so a page of another server may send our cookies along and may even
set cookies for our path. Therefore the token is no random number in a cookie but a signature
over the session and the login: the cookie only carries it to our own scripts.
"""

import base64
import hashlib
import hmac

from tornado.web import HTTPError, RequestHandler

COOKIE = "_xsrf"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def token(key: bytes, session: str, login: str) -> str:
    """Return what a page must show that works for this session and login token."""
    what = f"xsrf:{session}:{hashlib.sha256(login.encode()).hexdigest()}"
    digest = hmac.new(key, what.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def navigates(handler: RequestHandler) -> bool:
    """Return whether a person opens a page; browsers tell it over https and on localhost."""
    return handler.request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def needed(handler: RequestHandler) -> bool:
    """Return whether a request by cookie must prove that our page sent it (hub.md 2.9)."""
    headers = handler.request.headers
    mode = headers.get("Sec-Fetch-Mode", "navigate")
    if mode == "websocket":
        return False  # Origin is checked when it is opened
    if handler.request.method not in _READS:
        return True
    own_picture = mode == "no-cors" and headers.get("Sec-Fetch-Site") == "same-origin"
    return mode != "navigate" and not own_picture


def elsewhere(handler: RequestHandler) -> bool:
    """Return whether the browser says that a page of another site asks."""
    return handler.request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}


def given(handler: RequestHandler) -> str:
    """Return the token that came with the request, or ''."""
    headers = handler.request.headers
    return (
        handler.get_query_argument(COOKIE, "")
        or headers.get("X-XSRFToken", "")
        or headers.get("X-CSRFToken", "")
        or handler.get_body_argument(COOKIE, "")
    )


def proven(handler: RequestHandler, expected: str) -> bool:
    """Return whether the request bears the token, if it needs one."""
    return not needed(handler) or hmac.compare_digest(given(handler).encode(), expected.encode())


def require(handler: RequestHandler, expected: str) -> None:
    """Raise unless the request is proven."""
    if not proven(handler, expected):
        said = "does not match" if given(handler) else "is missing"
        raise HTTPError(403, f"'_xsrf' of {handler.request.method} {said}")
