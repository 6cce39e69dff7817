"""/proxy/feed and /proxy/activity: what proxies and the hub tell each other."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, RootModel

from perijove.core import Hub
from perijove.http.route import Call, Reply
from perijove.model.route import Delta, Route, Whole

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


async def routes(hub: Hub, call: Call) -> Reply:  # noqa: ARG001
    """Return every route, by its prefix."""
    found = await hub.feed.after(None)
    assert isinstance(found, Whole)
    table = {path: {"routespec": path, **_route(it)} for path, it in found.routes.items()}
    return Reply(200, table)


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
