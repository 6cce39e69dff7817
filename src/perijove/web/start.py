"""/spawn: choose a profile and its options, then start."""

from typing import Any

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.about import Homes
from perijove.core.options import Profiles
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.model.errors import Busy, HubError, Invalid, Untimely
from perijove.model.server import Phase, Server
from perijove.model.user import User
from perijove.web.cards import card
from perijove.web.choices import about, answered, offered, still_there
from perijove.web.frame import away, draw, following, go, reader, server_url

_MOVING = {Phase.QUEUED, Phase.STARTING, Phase.STOPPING}


async def own(_: Hub, visit: Visit) -> Response:
    """Lead to the start page of the own default server."""
    path = visit.pages.url("spawn", visit.me.user.name)
    query = visit.request.raw_query
    return away(path + (f"?{query}" if query else ""))


async def show(hub: Hub, visit: Visit) -> Response:
    """Show the choices; a server that runs is opened instead."""
    owner, name = visit.owner, visit.params.get("server", "")
    server = await hub.servers.find(owner, name)
    if server and server.phase is Phase.RUNNING:
        return away(following(visit, server_url(hub, owner.name, name)))
    if server and server.phase in _MOVING:
        return away(_pending(visit, owner, name))
    if server is None:  # what could not be started is refused before anything is chosen
        hub.servers.naming.require_new(owner, name, 0)
    return await _form(hub, visit, server, await _last(hub, owner, server))


async def answer(hub: Hub, visit: Visit) -> Response:
    """Start what was chosen, and show how far it is."""
    owner, name = visit.owner, visit.params.get("server", "")
    chosen = answered(hub, visit.form)
    called, rescue = visit.posted("called") or None, bool(visit.posted("rescue"))
    response = await begin(hub, visit, chosen, called=called, rescue=rescue)
    return response or away(_pending(visit, owner, name))


async def begin(
    hub: Hub,
    visit: Visit,
    options: dict[str, Any],
    *,
    called: str | None = None,
    rescue: bool = False,
) -> Response | None:
    """Start it; None if it was started, else the page that says why not."""
    owner, name = visit.owner, visit.params.get("server", "")
    try:
        await hub.servers.start(
            owner, name, options, display_name=called, in_line=True, rescue=rescue
        )
    except Untimely as error:
        if error.code == "already-running":
            return away(following(visit, server_url(hub, owner.name, name)))
        if error.code == "pending-stop":
            return go(visit, "home", said="stopping", what=name or "")
        return await _form(hub, visit, None, options, error)
    except (Invalid, Busy) as error:
        server = await hub.servers.find(owner, name)
        return await _form(hub, visit, server, options, error)
    return None


async def _form(
    hub: Hub,
    visit: Visit,
    server: Server | None,
    last: dict[str, Any],
    error: HubError | None = None,
) -> Response:
    who, owner = reader(visit), visit.owner
    name = visit.params.get("server", "")
    profiles = hub.profiles.of_groups(owner.groups)
    kept = await _to_be_had(hub, profiles, still_there(profiles, last))
    said = told(error.code, error.params, who) if error else ""
    query = visit.request.raw_query
    path = (owner.name, name) if name else (owner.name,)
    mine = owner.id == visit.me.user.id
    return await draw(
        hub,
        visit,
        "start.html",
        400 if error else 200,
        owner="" if mine else owner.display_name or owner.name,
        server=card(hub, visit, owner.name, server, name),
        called=visit.asked("called") or visit.posted("called"),
        profiles=offered(profiles, kept, who, said, again=error is None),
        remembered=bool(kept) and error is None,
        lost=error is None and any(kept.get(key) != it for key, it in last.items()),
        trouble=said,
        action=visit.pages.url("spawn", *path) + (f"?{query}" if query else ""),
        summary=about(hub, kept),
        shared_account=hub.shared_account,
        can_rescue=hub.about.homes is not Homes.NONE,
    )


async def _to_be_had(hub: Hub, profiles: Profiles, last: dict[str, Any]) -> dict[str, Any]:
    """Return `last`, without what this machine has no devices for."""
    profile_alone = {key: it for key, it in last.items() if key == "profile"}
    for options in (last, profile_alone):
        if await hub.servers.allotment.exists(profiles.overrides(options)):
            return options
    return {}


async def _last(hub: Hub, owner: User, server: Server | None) -> dict[str, Any]:
    """Return what `owner` chose last: for this server, else for the one they had last."""
    if server is None:
        started = await hub.servers.of(owner)
        server = max(started, key=lambda it: it.since, default=None)
    return dict(server.user_options) if server else {}


def _pending(visit: Visit, owner: User, name: str) -> str:
    path = (owner.name, name) if name else (owner.name,)
    address = visit.pages.url("spawn-pending", *path)
    query = visit.request.raw_query
    return f"{address}?{query}" if query else address
