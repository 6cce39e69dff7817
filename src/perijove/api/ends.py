"""When a server that nobody uses is stopped, as clients see it."""

from datetime import datetime

from pydantic import BaseModel

from perijove.core import Hub
from perijove.model.server import Server


class EndModel(BaseModel):
    """When a server is stopped; ours alone."""

    stops_at: datetime | None = None
    """When, unless it is used before."""
    stops_why: str | None = None
    """idle or too-old."""
    warned_at: datetime | None = None
    """From when its owner is told (cull.warn)."""
    stop_is_near: bool = False
    """Its owner is told by now."""
    extend_until: datetime | None = None
    """To when its owner may put it off; null: not at all."""


class ActivityQuery(BaseModel):
    """POST /users/{user}/activity."""

    ends: bool | None = None
    """Say when those servers are stopped; ours alone."""


class ActivityModel(BaseModel):
    """What a server is told that asks for it (?ends=1); else nothing, as JupyterHub does."""

    servers: dict[str, EndModel]


def told(hub: Hub, server: Server) -> EndModel:
    """Return when `server` is stopped if nobody uses it."""
    ends = hub.ends.of(server)
    if ends is None:
        return EndModel()
    warned = ends.at - hub.ends.lifetime.warn
    return EndModel(
        stops_at=ends.at,
        stops_why=ends.code,
        warned_at=warned,
        stop_is_near=warned <= hub.clock(),
        extend_until=ends.latest,
    )
