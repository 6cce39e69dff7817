"""Signing in through the hub: OAuth 2 with PKCE, and signing out (hub.md 1.4, 1.6)."""

import base64
import hashlib
import hmac
import secrets
from typing import Protocol, cast
from urllib.parse import urlencode

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, RequestHandler

from perijove.singleuser.cookies import Cookies
from perijove.singleuser.environment import Environment
from perijove.singleuser.hub import Away, CodeRefused, Hub, Strange

_LONGEST = 1500
"""Of an address to come back to; a browser drops a cookie of more than 4 KiB."""


class SignIn:
    """Sends a browser to the hub and takes what it brings back."""

    def __init__(self, environment: Environment, cookies: Cookies, hub: Hub, key: bytes) -> None:
        self._environment = environment
        self._cookies = cookies
        self._hub = hub
        self._key = key

    def begin(self, handler: RequestHandler) -> str:
        """Return the address at the hub that signs this browser in and brings it back here."""
        environment = self._environment
        state = secrets.token_urlsafe(16)
        self._cookies.begin(handler, state, self.inside(handler.request.uri or ""))
        challenge = hashlib.sha256(self._verifier(state).encode()).digest()
        query = {
            "client_id": environment.client_id,
            "redirect_uri": environment.callback,
            "response_type": "code",
            "code_challenge": _text(challenge),
            "code_challenge_method": "S256",
            "state": state,
        }
        where = f"{environment.host}{environment.hub_prefix}api/oauth2/authorize"
        return f"{where}?{urlencode(query)}"

    async def finish(self, state: str, code: str) -> str:
        """Return the access token for `code`."""
        return await self._hub.redeem(code, self._verifier(state))

    def inside(self, url: str) -> str:
        """Return `url` if it is one of ours, else our front page: a sign-in never leads away."""
        ours = url.startswith(self._environment.prefix) and len(url) <= _LONGEST
        return url if ours else self._environment.prefix

    def _verifier(self, state: str) -> str:
        """Return the PKCE verifier: known to us alone, and again after a restart."""
        return _text(hmac.new(self._key, f"pkce:{state}".encode(), hashlib.sha256).digest())


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Door(Protocol):
    """What the handlers need of the identity provider."""

    environment: Environment
    cookies: Cookies
    sign_in: SignIn

    async def admit(self, handler: RequestHandler, token: str) -> bool:
        """Sign this browser in with `token`, if it is anybody's."""

    def dismiss(self, handler: RequestHandler) -> None:
        """Sign this browser out."""


class CallbackHandler(JupyterHandler):
    """Where the hub sends a browser back to."""

    def initialize(self, provider: Door) -> None:
        """Be given the provider whose routes these are."""
        self.provider = provider

    @allow_unauthenticated
    async def get(self) -> None:
        """Redeem the code, keep the token, and go where the person wanted to go."""
        if refused := self.get_query_argument("error", ""):
            words = self.get_query_argument("error_description", refused)
            raise HTTPError(400, f"The hub did not sign you in: {words}")
        state, code = self.get_query_argument("state", ""), self.get_query_argument("code", "")
        if not (state and code):
            raise HTTPError(400, "This address is for the hub to come back to.")
        next_url = self.provider.cookies.finish(self, state)
        if next_url is None:
            self._stranger()
            return
        token = await self._redeem(state, code)
        if not await self.provider.admit(self, token):
            raise HTTPError(403, "The hub does not know who you are.")
        self.redirect(self.provider.sign_in.inside(next_url))

    async def _redeem(self, state: str, code: str) -> str:
        try:
            return await self.provider.sign_in.finish(state, code)
        except CodeRefused as error:
            raise HTTPError(
                403, "This sign-in is used up or too old: open the page again."
            ) from error
        except (Away, Strange) as error:
            raise HTTPError(503, "The hub does not answer. Try again in a moment.") from error

    def _stranger(self) -> None:
        """Another tab was faster, or somebody else began this sign-in."""
        if self.current_user is None:
            raise HTTPError(403, "This sign-in did not begin in this browser. Open the page again.")
        self.redirect(self.provider.sign_in.inside(""))


class LogoutHandler(JupyterHandler):
    """Signs out here, then at the hub."""

    @allow_unauthenticated
    def get(self) -> None:
        """Drop the login, unless another site sent the browser here: then the hub asks first."""
        provider = cast("Door", self.identity_provider)
        if self.request.headers.get("Sec-Fetch-Site") != "cross-site":
            provider.dismiss(self)
        environment = provider.environment
        self.redirect(f"{environment.host}{environment.hub_prefix}logout")
