"""Forms that ask for a server: start it as before, stop it, delete it."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.model.errors import Invalid, Unknown
from perijove.web.cards import title
from perijove.web.frame import back, following, go, reader
from perijove.web.more import more
from perijove.web.start import begin


async def start(hub: Hub, visit: Visit) -> Response:
    """Start it as last time, with more memory or an empty home, and show how far it is."""
    name = visit.params.get("server", "")
    server = await hub.servers.find(visit.owner, name)
    options = server.user_options if server else {}
    if visit.posted("memory"):
        found = more(hub, visit, server)
        if found is None:  # its settings have changed since the page was shown, or it runs
            return go(visit, "spawn", *_path(visit))
        options = found.options
    response = await begin(hub, visit, dict(options), rescue=bool(visit.posted("rescue")))
    if response:
        return response
    if visit.posted("next"):
        return back(hub, visit, "home", said="starting", what=title(reader(visit), server, name))
    return go(visit, "spawn-pending", *_path(visit), **_next(visit))


async def stop(hub: Hub, visit: Visit) -> Response:
    """Ask it to stop; a start that is under way is cancelled."""
    name = visit.params.get("server", "")
    server = await hub.servers.stop(visit.owner, name)
    what = title(reader(visit), server, name)
    return back(hub, visit, "home", said="stopping", what=what)


async def extend(hub: Hub, visit: Visit) -> Response:
    """Keep a server that nobody uses for as long as its owner may."""
    name = visit.params.get("server", "")
    server = await hub.servers.find(visit.owner, name)
    if server is None:
        raise Unknown
    ends = await hub.ends.extend(server)
    at = reader(visit).time(ends.at)
    return back(hub, visit, "home", said="extended", what=title(reader(visit), server, name), at=at)


async def delete(hub: Hub, visit: Visit) -> Response:
    """Remove a named server, if its name was typed."""
    name = visit.params["server"]
    if visit.posted("typed").strip() != name:
        raise Invalid("not-typed", name=name)
    server = await hub.servers.find(visit.owner, name)
    if server is None:
        raise Unknown
    await hub.servers.remove(visit.owner, name)
    return back(hub, visit, "home", said="deleted", what=title(reader(visit), server, name))


def _path(visit: Visit) -> tuple[str, ...]:
    name = visit.params.get("server", "")
    return (visit.owner.name, name) if name else (visit.owner.name,)


def _next(visit: Visit) -> dict[str, str]:
    wanted = following(visit, "") if visit.asked("next") else ""
    return {"next": wanted} if wanted else {}
