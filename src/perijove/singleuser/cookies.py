"""The cookies of one server: who is signed in here, and sign-ins under way (hub.md 1.6)."""

import json
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any

from tornado.web import RequestHandler

from perijove.singleuser.environment import Environment

SESSION = "jupyterhub-session-id"
"""The hub's: it names the browser session, for every server of this browser."""
_LOGIN_DAYS = 30
_STATE_SECONDS = 600
_STATES = 8
"""Sign-ins under way in one browser before we forget the old ones."""


class Cookies:
    """Reads and writes them, signed with the server's key."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._login = environment.cookie_name()
        self._states = environment.cookie_name("-oauth-state")

    def session(self, handler: RequestHandler) -> str:
        """Return the id of the browser session, or ''."""
        return handler.get_cookie(SESSION, "") or ""

    def token(self, handler: RequestHandler) -> str:
        """Return the access token of who is signed in, or ''."""
        return next(self._verified(handler, self._login), "")

    def sign_in(self, handler: RequestHandler, token: str) -> None:
        """Keep `token` for the next requests."""
        self._set(handler, self._login, token, expires_days=_LOGIN_DAYS)

    def sign_out(self, handler: RequestHandler) -> None:
        """Take the token back."""
        self._clear(handler, self._login)

    def begin(self, handler: RequestHandler, state: str, next_url: str) -> None:
        """Remember a sign-in that is under way, beside those of other tabs."""
        under_way = self._state_names(handler)
        if len(under_way) >= _STATES:
            self._clear_all(handler, under_way)
            under_way = []
        suffix = state[:8] if under_way else ""
        text = json.dumps([state, next_url])
        self._set(handler, f"{self._states}{suffix}", text, expires_days=None)

    def finish(self, handler: RequestHandler, state: str) -> str | None:
        """Return where the sign-in of `state` leads; None: it did not begin in this browser."""
        names = self._state_names(handler)
        for name in names:
            for text in self._verified(handler, name):
                begun, next_url = json.loads(text)
                if begun == state:
                    self._clear_all(handler, names)
                    return str(next_url)
        return None

    def show(self, handler: RequestHandler, name: str, value: str) -> None:
        """Set a cookie that scripts of the page may read."""
        options = {**self._options(handler), "httponly": False}
        handler.set_cookie(name, value, expires_days=None, **options)

    def _state_names(self, handler: RequestHandler) -> list[str]:
        return sorted(name for name in handler.cookies if name.startswith(self._states))

    def _clear_all(self, handler: RequestHandler, names: list[str]) -> None:
        for name in names:
            self._clear(handler, name)

    def _verified(self, handler: RequestHandler, name: str) -> Iterator[str]:
        """Yield every value of `name` that we have signed.

        Pages of other servers share the host and may set cookies of any name and path; what
        they set bears no signature of ours and must not hide the one that does.
        """
        days = _STATE_SECONDS / 86400 if name.startswith(self._states) else _LOGIN_DAYS
        for header in handler.request.headers.get_list("Cookie"):
            for value in _values(header, name):
                found = handler.get_signed_cookie(name, value, max_age_days=days, min_version=2)
                if found is not None:
                    yield found.decode()

    def _set(
        self, handler: RequestHandler, name: str, value: str, expires_days: float | None
    ) -> None:
        options = self._options(handler)
        if expires_days is None:
            options.setdefault("max_age", _STATE_SECONDS)
        handler.set_signed_cookie(name, value, expires_days=expires_days, **options)

    def _clear(self, handler: RequestHandler, name: str) -> None:
        options = self._options(handler)
        handler.clear_cookie(name, **{key: options[key] for key in _PLACE if key in options})

    def _options(self, handler: RequestHandler) -> dict[str, Any]:
        secure = handler.request.protocol == "https" or self._environment.cookie_host_prefix
        return {
            "path": self._environment.cookie_path,
            "httponly": True,
            "samesite": "Lax",
            **({"secure": True} if secure else {}),
            **self._environment.cookie_options,
        }


_PLACE = ("path", "domain", "secure", "samesite")
"""Which of a cookie's options say which cookie it is, or whether it may be set at all."""


def _values(header: str, name: str) -> Iterator[str]:
    for part in header.split(";"):
        if part.partition("=")[0].strip() == name:
            try:
                yield SimpleCookie(part.strip())[name].value
            except (CookieError, KeyError):
                continue
