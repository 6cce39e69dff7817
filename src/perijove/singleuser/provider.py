"""The identity provider and the authorizer: who sends a request, and whether they may."""

import re
from contextlib import suppress
from typing import Any, TypeGuard

from jupyter_server.auth import Authorizer, IdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from perijove.singleuser import xsrf
from perijove.singleuser.cookies import Cookies
from perijove.singleuser.environment import Environment
from perijove.singleuser.hub import Away, Hub, Strange
from perijove.singleuser.key import cookie_key
from perijove.singleuser.sign_in import CallbackHandler, LogoutHandler, SignIn
from perijove.singleuser.sockets import Sockets
from perijove.singleuser.visitor import Visitor
from perijove.singleuser.visitors import Visitors

_BEARER = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{1,512}")
"""What may be a token at all; anything else never reaches the hub."""
_ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"
_INFO = ("name", "display_name", "initials", "avatar_url", "color")


class Person(User):
    """A Jupyter user who is somebody at the hub."""

    def __init__(self, visitor: Visitor) -> None:
        known = {key: visitor.info[key] for key in _INFO if key in visitor.info}
        super().__init__(username=visitor.name, **known)
        self.visitor = visitor


class HubIdentityProvider(IdentityProvider):
    """Asks the hub."""

    token_generated = False

    def work_with(
        self, environment: Environment, hub: Hub, visitors: Visitors, sockets: Sockets
    ) -> None:
        """Take what it works with: Jupyter Server makes it from its class alone."""
        self.environment = environment
        self.visitors = visitors
        self.sockets = sockets
        self.key = cookie_key(environment.api_token)
        self.cookies = Cookies(environment)
        self.sign_in = SignIn(environment, self.cookies, hub, self.key)

    @property
    def token(self) -> str:  # type: ignore[override]
        """Return the server's own token, with which its parts may call each other."""
        return self.environment.api_token

    async def get_user(self, handler: RequestHandler) -> User | None:
        """Return who sends the request; None: nobody who may."""
        self._arm(handler)
        try:
            visitor = await self._by_token(handler) or await self._by_cookie(handler)
        except Away as error:
            raise _unanswered(handler, 502) from error
        except Strange as error:
            raise _unanswered(handler, 500) from error
        if visitor is None:
            return None
        if not visitor.may(self.environment.access):
            self.log.warning("%s %s is not allowed here", visitor.kind, visitor.name)
            _refuse(handler, f"{visitor.kind} {visitor.name} is not allowed.")
            return None
        if _opens_socket(handler):
            token = self.get_token(handler) if _with_token(handler) else self.cookies.token(handler)
            self.sockets.guard(handler, token or "", self.cookies.session(handler))
        return Person(visitor)

    async def welcome(self, token: str, session: str) -> bool:
        """Return whether a visitor who was let in may stay: as long as the hub does not say no."""
        try:
            visitor = await self.visitors.of(token, session)
        except (Away, Strange):
            return True
        return visitor is not None and visitor.may(self.environment.access)

    async def admit(self, handler: RequestHandler, token: str) -> bool:
        """Sign this browser in with `token`, if it is anybody's."""
        session = self.cookies.session(handler)
        if await self.visitors.of(token, session) is None:
            return False
        self.cookies.sign_in(handler, token)
        self.cookies.show(handler, xsrf.COOKIE, xsrf.token(self.key, session, token))
        return True

    def dismiss(self, handler: RequestHandler) -> None:
        """Sign this browser out here."""
        self.visitors.forget(self.cookies.token(handler), self.cookies.session(handler))
        self.cookies.sign_out(handler)

    def get_token(self, handler: RequestHandler) -> str | None:
        """Return the token that the request itself bears, if any."""
        found = _BEARER.fullmatch(handler.request.headers.get("Authorization", ""))
        token = found[1] if found else ""
        if not found and (_opens_socket(handler) or self.environment.token_in_url):
            token = handler.get_query_argument("token", "")
        return token if _TOKEN.fullmatch(token) else None

    def get_handlers(self) -> list[tuple[str, object]]:
        """Return the routes of signing in and out."""
        return [
            (r"/logout", LogoutHandler),
            (r"/oauth_callback", CallbackHandler, {"provider": self}),  # type: ignore[list-item]
        ]

    def validate_security(self, app: Any, ssl_options: dict[str, Any] | None = None) -> None:
        """Warn of nothing: whoever comes in, comes in through the hub."""

    def page_config(self, handler: JupyterHandler, config: dict[str, Any]) -> dict[str, Any]:
        """Add what JupyterLab's Hub menu needs (hub.md 1.7), to a copy: `config` is everybody's."""
        environment = self.environment
        person = handler.current_user
        off = [*config.get("disabledExtensions", [])]
        if config.get("news", {}).get("disabled"):  # else JupyterLab asks for consent all the same
            off.append(_ANNOUNCEMENTS)
        return {
            **config,
            "disabledExtensions": off,
            "hubHost": environment.host,
            "hubPrefix": environment.hub_prefix,
            "hubUser": person.username if person else "",
            "hubServerUser": environment.user,
            "hubServerName": environment.server,
            "shareUrl": f"{environment.hub_prefix}user-redirect",
            "token": self.get_token(handler) or self.cookies.token(handler),
        }

    async def _by_token(self, handler: RequestHandler) -> Visitor | None:
        token = self.get_token(handler)
        if not token:
            return None
        session = self.cookies.session(handler)
        visitor = await self.visitors.of(token, session)
        if visitor is None:
            return None
        handler._token_authenticated = True  # type: ignore[attr-defined]  # noqa: SLF001 - where Jupyter Server looks for it
        opened = handler.get_query_argument("token", "") == token and xsrf.navigates(handler)
        if opened and not _opens_socket(handler):
            await self.admit(handler, token)
        return visitor

    async def _by_cookie(self, handler: RequestHandler) -> Visitor | None:
        socket = _opens_socket(handler)
        token = self.cookies.token(handler)
        if not token or (socket and not self.environment.socket_cookies):
            return None
        session = self.cookies.session(handler)
        proof = xsrf.token(self.key, session, token)
        if not _proven(handler, proof):
            return None
        visitor = await self.visitors.of(token, session)
        if socket:
            return visitor
        if visitor is None:
            self.cookies.sign_out(handler)
        elif xsrf.navigates(handler) and handler.get_cookie(xsrf.COOKIE) != proof:
            self.cookies.show(handler, xsrf.COOKIE, proof)
        return visitor

    def _arm(self, handler: RequestHandler) -> None:
        """Give this one request our own sign-in and our own check of `_xsrf`.

        Only where the handler's class has Jupyter's or Tornado's: an extension that has
        its own knows why.
        """
        login, session = self.cookies.token(handler), self.cookies.session(handler)
        proof = xsrf.token(self.key, session, login)
        handler._xsrf_token = proof.encode()  # noqa: SLF001 - what `handler.xsrf_token` answers
        kind = type(handler)
        if not _has_a_check(handler):

            def check() -> None:
                if not _with_token(handler):
                    xsrf.require(handler, proof)

            handler.check_xsrf_cookie = check  # type: ignore[method-assign]
        if kind.get_login_url is RequestHandler.get_login_url:
            handler.get_login_url = lambda: self._login_url(handler)  # type: ignore[method-assign]

    def _login_url(self, handler: RequestHandler) -> str:
        if _opens_socket(handler) or not xsrf.navigates(handler):
            raise HTTPError(403)  # a script or a picture cannot sign anybody in
        return self.sign_in.begin(handler)


class HubAuthorizer(Authorizer):
    """Lets in whom the hub lets in: what the provider has checked, checked where it counts."""

    def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        """Return whether a scope of the visitor opens this server, for any action."""
        del handler, action, resource
        provider = self.identity_provider
        return (
            isinstance(provider, HubIdentityProvider)
            and isinstance(user, Person)
            and user.visitor.may(provider.environment.access)
        )


def _with_token(handler: RequestHandler) -> bool:
    return bool(getattr(handler, "_token_authenticated", False))


def _opens_socket(handler: RequestHandler) -> TypeGuard[WebSocketHandler]:
    """Return whether it is to be a WebSocket, for which a browser can set no header.

    A handler that leads to another program, of jupyter-server-proxy, serves plain requests too.
    """
    upgrade = handler.request.headers.get("Upgrade", "").lower()
    return isinstance(handler, WebSocketHandler) and upgrade == "websocket"


def _has_a_check(handler: RequestHandler) -> bool:
    """Return whether an extension checks `_xsrf` in its own way, or leaves it to a program."""
    package = type(handler).check_xsrf_cookie.__module__.partition(".")[0]
    return package not in {"jupyter_server", "tornado"}


def _proven(handler: RequestHandler, proof: str) -> bool:
    """Return whether our page asks, or a page of this site where an extension has its own way."""
    if not _has_a_check(handler):
        return xsrf.proven(handler, proof)
    if not xsrf.needed(handler):
        return True
    with suppress(HTTPError):
        handler.check_xsrf_cookie()
        return not xsrf.elsewhere(handler)
    return False


def _unanswered(handler: RequestHandler, status: int) -> HTTPError:
    """Return the error for "nobody can tell", with a nobody for the error page to greet."""
    handler.current_user = handler._jupyter_current_user = None  # type: ignore[attr-defined]  # noqa: SLF001
    return HTTPError(status, "The hub cannot say who you are. Try again in a moment.")


def _refuse(handler: RequestHandler, reason: str) -> None:
    """Answer 403 where a stranger would be sent to sign in, which they have done."""

    def no_way(*_: object, **__: object) -> None:
        raise HTTPError(403, reason)

    handler.get_login_url = no_way  # type: ignore[method-assign,assignment]
