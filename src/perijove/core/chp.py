"""Chp: the REST API of a configurable-http-proxy, called as JupyterHub calls it (hub.md 5.1)."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from perijove.kit.exchange import Broken, request
from perijove.kit.origin import Connections, Origin
from perijove.model.route import Route

MARK = "jupyterhub"
"""In the data of a route that a hub has made; those without it are somebody else's."""
_CONNECT, _ANSWER, _KEPT = 5.0, 15.0, 4.0
"""Seconds; the proxy closes connections that are idle for five."""
_MOST_BYTES = 256 << 20
_OK, _MADE, _GONE, _NOT_FOUND, _ITS_FAULT = 200, 201, 204, 404, 500


class Declined(ValueError):
    """The proxy will not have this route, however often it is asked."""


@dataclass(frozen=True, slots=True)
class Had:
    """A route that the proxy has."""

    target: str
    ours: bool
    """Whether a hub has made it."""
    used: datetime | None
    """When somebody was last answered by what is behind it."""


def key_of(prefix: str) -> str:
    """Return what the proxy calls the route of `prefix`: decoded, with no slash at its end."""
    return unquote(prefix).rstrip("/") or "/"


class Chp:
    """One proxy. Every call may raise OSError: it is away, or ill."""

    def __init__(self, url: str, token: str, *, concurrency: int = 10) -> None:
        self._base = urlsplit(url).path.rstrip("/")
        self._token = token
        self._kept = Connections(_origin(url), limit=concurrency, connect=_CONNECT, keep=_KEPT)

    @property
    def url(self) -> str:
        """Return where it is spoken to."""
        return self._kept.origin.netloc + self._base

    def move(self, url: str, token: str) -> None:
        """Speak to another proxy from now on, or to this one with another token."""
        self._kept.move(_origin(url))
        self._base, self._token = urlsplit(url).path.rstrip("/"), token

    async def table(self) -> dict[str, Had]:
        """Return every route it has, by the proxy's own keys."""
        routes = _json(await self._ask("GET", None, {_OK}))
        if not isinstance(routes, Mapping):
            raise Broken("its routes are no table")
        return {str(key): _had(it) for key, it in routes.items() if isinstance(it, Mapping)}

    async def target(self, key: str) -> str | None:
        """Return where one route of ours leads, None if there is none; not for '/'."""
        status, body = await self._ask("GET", key, {_OK, _NOT_FOUND})
        route = _json((status, body)) if status == _OK else None
        return str(route.get("target")) if isinstance(route, Mapping) and MARK in route else None

    async def add(self, route: Route) -> None:
        """Let it have `route`, in place of any other of that prefix."""
        data = {**route.data, "target": route.target, MARK: True}
        await self._ask("POST", key_of(route.prefix), {_MADE}, json.dumps(data).encode())

    async def remove(self, key: str) -> None:
        """Take a route away, if it is there."""
        await self._ask("DELETE", key, {_GONE, _NOT_FOUND})

    async def close(self) -> None:
        """Close its connections."""
        await self._kept.close()

    async def _ask(
        self, method: str, key: str | None, good: set[int], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Return an answer whose status is among `good`. What is said twice does no harm.

        Raises:
            OSError: there is none, or it is the proxy's fault.
            Declined: it says no.
        """
        path = f"{self._base}/api/routes" + ("" if key is None else quote(key, safe="@/~"))
        fields = {
            "Host": self._kept.origin.authority,
            "Authorization": f"token {self._token}",
            "Content-Type": "application/json",
        }
        whole = request(method, path, fields, body)
        async with asyncio.timeout(_ANSWER), self._kept.answer(whole, again=True) as answer:
            status, said = answer.status, await answer.rest(_MOST_BYTES)
        if status in good:
            return status, said
        why = f"it answers {status} to {method} {path}"
        if status >= _ITS_FAULT or key is None:
            raise Broken(why)
        raise Declined(why)


def _origin(url: str) -> Origin:
    secure = urlsplit(url).scheme == "https"
    return Origin.of(url, ssl.create_default_context() if secure else None)


def _json(answer: tuple[int, bytes]) -> Any:
    try:
        return json.loads(answer[1])
    except (ValueError, RecursionError) as error:
        raise Broken("it answers no JSON") from error


def _had(route: Mapping[str, Any]) -> Had:
    return Had(str(route.get("target")), MARK in route, _instant(route.get("last_activity")))


def _instant(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
