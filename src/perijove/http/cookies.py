"""Cookies of the hub: their names, where they are sent, and for how long (hub.md 4.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from perijove.model.token import Session

LOGIN = "jupyterhub-hub-login"
SESSION = "jupyterhub-session-id"
XSRF = "_xsrf"
_DAY = 86400
_LOGIN_LIFE = 30 * _DAY
ANONYMOUS_LIFE = 3600


def read(headers: Iterable[str]) -> Mapping[str, list[str]]:
    """Return every cookie of the Cookie `headers` with all its values, in the order sent."""
    found: dict[str, list[str]] = {}
    for header in headers:
        for pair in header.split(";"):
            name, valued, value = pair.partition("=")
            if valued:
                found.setdefault(name.strip(), []).append(value.strip().strip('"'))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """Writes them into responses."""

    base_url: str

    def sign_in(self, response: Response, secret: str, session: Session, *, secure: bool) -> None:
        """Let the browser be known by `secret`, and tell servers its `session`."""
        life = int((session.expires - session.created).total_seconds())
        kept = max(life, _LOGIN_LIFE)
        self._set(response, LOGIN, secret, self._hub, secure=secure, max_age=kept)
        self._set(response, SESSION, session.session, self.base_url, secure=secure)

    def sign_out(self, response: Response, *, secure: bool) -> None:
        """Let the browser forget who it was."""
        for name, path in ((LOGIN, self._hub), (SESSION, self.base_url), (XSRF, self._hub)):
            self._set(response, name, "", path, secure=secure, max_age=0)

    def xsrf(self, response: Response, value: str, *, secure: bool, max_age: int | None) -> None:
        """Give the browser the value that its forms must send back."""
        response.set_cookie(
            XSRF, value, path=self._hub, max_age=max_age, secure=secure, samesite="lax"
        )

    @property
    def _hub(self) -> str:
        return f"{self.base_url}hub/"

    @staticmethod
    def _set(
        response: Response,
        name: str,
        value: str,
        path: str,
        *,
        secure: bool,
        max_age: int | None = None,
    ) -> None:
        response.set_cookie(
            name, value, path=path, max_age=max_age, secure=secure, httponly=True, samesite="lax"
        )
