"""The calls that a server makes to its hub: greet, who is this, redeem a code, I am active."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from perijove.singleuser.environment import Environment
from perijove.singleuser.visitor import Visitor

_AT_ONCE = 32
"""Calls in flight; more wait in line."""
_GOOD = 2
"""The first digit of a status that says yes."""


class Away(Exception):
    """The hub cannot be reached, or is not well (5xx): nobody knows, ask again later."""


class Strange(Exception):
    """The hub has answered, but with something that the contract does not know."""


class CodeRefused(Exception):
    """The hub gives no token for this code."""


class Hub:
    """The hub of one server, over HTTP."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = AsyncHTTPClient(force_instance=True, max_clients=_AT_ONCE)

    def close(self) -> None:
        """Let go of what is open."""
        self._client.close()

    async def greet(self) -> str | None:
        """Return the version of the hub, if it tells it; anybody may ask.

        Raises:
            Away, Strange: it is not there or does not let us in.
        """
        answer = await self._call("", timeout=10)
        if answer.code // 100 != _GOOD:
            raise Strange(f"the hub answers {answer.code}")
        return answer.headers.get("X-JupyterHub-Version")

    async def visitor(self, token: str, *, timeout: float) -> Visitor | None:  # noqa: ASYNC109 - the client's own, of the whole call
        """Return whose `token` is; None: nobody's (403).

        Raises:
            Away, Strange: nobody can tell now.
        """
        answer = await self._call("/user", token=token, timeout=timeout)
        if answer.code == HTTPStatus.FORBIDDEN:
            return None
        if answer.code != HTTPStatus.OK:
            raise Strange(f"the hub answers {answer.code} to who this is")
        model = _object(answer)
        if not model.get("name"):
            raise Strange("the hub names nobody")
        return Visitor.of(model)

    async def redeem(self, code: str, verifier: str) -> str:
        """Return the access token that `code` stands for.

        Raises:
            Away, Strange: ask again later.
            CodeRefused: used, too old, or not ours.
        """
        environment = self._environment
        form = {
            "client_id": environment.client_id,
            "client_secret": environment.api_token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": environment.callback,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._call("/oauth2/token", body=urlencode(form), headers=headers)
        if answer.code // 100 != _GOOD:
            raise CodeRefused(str(_object(answer).get("error", answer.code)))
        token = _object(answer).get("access_token")
        if not isinstance(token, str):
            raise Strange("the hub gave no access token")
        return token

    async def active(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """Post `report` to the activity URL; return what the hub says to it, if it says anything.

        Raises:
            Away, Strange: it did not arrive.
        """
        url = f"{self._environment.activity_url}?ends=1"  # JupyterHub ignores that
        headers = {"Content-Type": "application/json"}
        answer = await self._call(url=url, body=json.dumps(report), headers=headers)
        if answer.code // 100 != _GOOD:
            raise Strange(f"the hub answers {answer.code} to activity")
        return _object(answer) if answer.body else {}

    async def _call(
        self,
        path: str = "",
        *,
        url: str = "",
        token: str | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 20,  # noqa: ASYNC109 - the client's own, of the whole call
    ) -> HTTPResponse:
        """Call with `token`, else our own where there is a body, else as nobody."""
        bearer = token or (self._environment.api_token if body is not None else "")
        request = HTTPRequest(
            url or f"{self._environment.api_url}{path}",
            method="GET" if body is None else "POST", body=body,
            headers={**(headers or {}), **({"Authorization": f"token {bearer}"} if bearer else {})},
            follow_redirects=False, connect_timeout=timeout, request_timeout=timeout,
        )  # fmt: skip
        try:
            answer = await self._client.fetch(request, raise_error=False)
        except (OSError, HTTPClientError) as error:
            raise Away(str(error)) from error
        if answer.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Away(f"the hub answers {answer.code}")
        return answer


def _object(answer: HTTPResponse) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise Strange("the hub's answer is no JSON") from error
    if not isinstance(found, dict):
        raise Strange("the hub's answer is no object")
    return found
