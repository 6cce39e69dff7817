"""/proxy, /proxy/feed, /proxy/activity: what proxies and the hub tell each other."""

from collections.abc import Awaitable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, Field, RootModel, StringConstraints

from perijove.api import paging
from perijove.core import Hub
from perijove.http.route import Call, Reply
from perijove.model.errors import Denied, Invalid, Unavailable
from perijove.model.route import Delta, Route, Whole
from perijove.store.statement import Key

_LONG_POLL = 25.0


class RouteTimes(BaseModel):
    """POST /proxy/activity."""

    routes: dict[str, AwareDatetime]


class FeedQuery(BaseModel):
    """GET /proxy/feed."""

    after: Annotated[int, Field(ge=0)] | None = None


class FeedModel(BaseModel):
    """All routes, or what has changed since `after`."""

    version: int
    checksum: str
    after: int | None = None
    routes: dict[str, dict[str, Any]] | None = None
    set: dict[str, dict[str, Any]] | None = None
    removed: list[str] | None = None


class RouteModel(BaseModel):
    """One route of GET /proxy."""

    routespec: str
    target: str
    data: dict[str, Any]


class RoutesModel(RootModel[dict[str, RouteModel]]):
    """GET /proxy: every route by its prefix."""


class MovedProxy(BaseModel):
    """PATCH /proxy."""

    api_url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    auth_token: Annotated[str, StringConstraints(max_length=1024)] | None = None


async def feed(hub: Hub, call: Call) -> Reply:
    """Return all routes, or what has changed since `after`, as soon as something has."""
    assert isinstance(call.query, FeedQuery)
    found = await hub.feed.follow(call.asked.peer, call.query.after, wait=_LONG_POLL)
    return Reply(200, _shown(found))


async def activity(hub: Hub, call: Call) -> Reply:
    """Note when the routes of a proxy were last used."""
    assert isinstance(call.body, RouteTimes)
    hub.activity.on_routes(call.body.routes)
    return Reply(200)


async def routes(hub: Hub, call: Call) -> Reply:
    """Return every route, by its prefix, a page at a time."""
    page = paging.asked(call, hub.about)
    found = await hub.feed.after(None)
    assert isinstance(found, Whole)
    there = page.of(sorted(found.routes), _key)
    table = {it: {"routespec": it, **_route(found.routes[it])} for it in there[: page.limit]}
    return page.reply(there, len(found.routes), _key, table)


def _key(path: str) -> Key:
    return (path,)


async def check(hub: Hub, _: Call) -> Reply:
    """Read the routes anew, and make those of a proxy right that is told them."""
    await hub.feed.refresh()
    if hub.teller:
        await _told(hub.teller.check())
    return Reply(200)


async def move(hub: Hub, call: Call) -> Reply:
    """Tell another proxy from now on, on a host of the configuration; ours needs no telling."""
    body = call.body
    assert isinstance(body, MovedProxy)
    call.asked.done |= {"api_url": body.api_url, "auth_token": body.auth_token and "new"}
    if hub.teller is None:
        return Reply(200)
    ours = hub.teller.settings
    url, token = body.api_url or ours.url, body.auth_token or ours.token
    try:
        host = urlsplit(url).hostname
        if not host or host != urlsplit(ours.url).hostname:
            raise Denied("proxy-elsewhere", host=(host or "")[:255])
        if body.auth_token is None and _origin(url) != _origin(ours.url):
            raise Denied("proxy-token", url=url[:255])  # anybody may listen at another port
        await _told(hub.teller.move(url, token))
    except ValueError as error:
        raise Invalid("bad-body", field="api_url") from error
    return Reply(200)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


async def _told(telling: Awaitable[None]) -> None:
    """Wait until a proxy is told.

    Raises:
        Unavailable: it is away.
    """
    try:
        await telling
    except OSError as error:
        raise Unavailable from error


def _shown(found: Whole | Delta) -> dict[str, Any]:
    head: dict[str, Any] = {"version": found.version, "checksum": found.checksum}
    if isinstance(found, Whole):
        return {**head, "routes": {path: _route(it) for path, it in found.routes.items()}}
    return {
        **head,
        "after": found.after,
        "set": {path: _route(it) for path, it in found.set.items()},
        "removed": list(found.removed),
    }


def _route(route: Route) -> dict[str, Any]:
    return {"target": route.target, "data": dict(route.data)}
