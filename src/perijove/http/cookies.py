"""Cookies of the hub: their names, where they are sent, and for how long (hub.md 4.2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from starlette.responses import Response

from perijove.core.cookies import CookieRules
from perijove.model.token import Session

LOGIN = "jupyterhub-hub-login"
SESSION = "jupyterhub-session-id"
XSRF = "_xsrf"
_DAY = 86400
_LOGIN_LIFE = 30 * _DAY
ANONYMOUS_LIFE = 3600


def read(headers: Iterable[str]) -> dict[str, list[str]]:
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
    rules: CookieRules = field(default_factory=CookieRules)
    domain: str = ""
    """Below which all hosts are told the session; '': this host alone."""

    def sign_in(self, response: Response, secret: str, session: Session, *, secure: bool) -> None:
        """Let the browser be known by `secret`, and tell servers its `session`."""
        life = int((session.expires - session.created).total_seconds())
        self._own(response, LOGIN, secret, secure=secure, max_age=max(life, _LOGIN_LIFE))
        self._session(response, session.session, secure=secure)

    def sign_out(self, response: Response, *, secure: bool) -> None:
        """Let the browser forget who it was."""
        self._own(response, LOGIN, "", secure=secure, max_age=0)
        self._session(response, "", secure=secure, max_age=0)
        self._own(response, XSRF, "", secure=secure, max_age=0)

    def xsrf(self, response: Response, value: str, *, secure: bool, max_age: int | None) -> None:
        """Give the browser the value that its forms must send back."""
        self._own(response, XSRF, value, secure=secure, max_age=max_age, httponly=False)

    def _own(
        self,
        response: Response,
        name: str,
        value: str,
        *,
        secure: bool,
        max_age: int | None,
        httponly: bool = True,
    ) -> None:
        """Set a cookie that is for the hub alone."""
        rules = self.rules
        response.set_cookie(
            rules.named(name),
            value,
            path="/" if rules.host_prefix else f"{self.base_url}hub/",
            max_age=max_age,
            secure=rules.host_prefix or self._secure(secure),
            httponly=httponly,
            samesite=self._same_site,
        )

    def _session(
        self, response: Response, value: str, *, secure: bool, max_age: int | None = None
    ) -> None:
        """Set the cookie that servers read as well, so its name stays (hub.md 1.6)."""
        response.set_cookie(
            SESSION,
            value,
            path=self.base_url,
            domain=self.domain or None,
            max_age=max_age,
            secure=self._secure(secure),
            httponly=True,
            samesite=self._same_site,
        )

    def _secure(self, by_address: bool) -> bool:  # noqa: FBT001 - what else could it be
        return by_address if self.rules.secure is None else self.rules.secure

    @property
    def _same_site(self) -> Literal["lax", "strict", "none"]:
        match self.rules.same_site:
            case "strict" | "none" as given:
                return given
            case _:
                return "lax"
