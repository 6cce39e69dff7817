"""/spawn: choose a profile and its options, then start."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.about import Homes
from perijove.core.options import UNLISTED, Profiles
from perijove.http.audit import of_sign_out
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.model.errors import Busy, Denied, HubError, Invalid, Unavailable, Untimely
from perijove.model.server import Phase, Server
from perijove.model.user import User
from perijove.web.cards import card
from perijove.web.choices import about, answered, offered, still_there
from perijove.web.frame import away, draw, following, go, reader, server_url
from perijove.web.linked import linked, names_option

_OWN = {"called", "_xsrf"}
"""Fields of the query that are for this page alone."""
_MOVING = {Phase.QUEUED, Phase.STARTING, Phase.STOPPING}


async def own(_: Hub, visit: Visit) -> Response:
    """Lead to the start page of the own default server; a form that is sent here goes with it."""
    path = visit.pages.url("spawn", visit.me.user.name)
    query = visit.request.raw_query
    return away(
        path + (f"?{query}" if query else ""), 307 if visit.request.method == "POST" else 302
    )


async def show(hub: Hub, visit: Visit) -> Response:
    """Show the choices, or start at once what leaves none; a server that runs is opened."""
    owner, name = visit.owner, visit.params.get("server", "")
    server = await hub.servers.find(owner, name)
    if server and server.phase is Phase.RUNNING:
        return away(_onwards(hub, visit, owner, name), 302)
    if server and server.phase in _MOVING:
        return away(_pending(visit, owner, name), 302)
    if server is None:  # what could not be started is refused before anything is chosen
        hub.servers.naming.require_new(owner, name, 0)
    last = await _last(hub, owner, server)
    options = None if _only_looks(visit) else _named(hub, visit, server, last)
    if options is not None and _is_anothers_word(visit, options):
        return await _form(hub, visit, server, options)
    if options is None:
        return await _form(hub, visit, server, last)
    visit.request.done["starts"] = f"{owner.name}/{name}"  # a GET is not audited by itself
    refused = await begin(hub, visit, options, called=visit.asked("called") or None)
    return refused or away(_pending(visit, owner, name), 302)


def _named(
    hub: Hub, visit: Visit, server: Server | None, last: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what the address says to start with; None: somebody has to choose.

    Where there is nothing to choose it is what was started last, unless that has failed.
    """
    profiles = hub.profiles.of_groups(visit.owner.groups)
    named = linked(profiles, visit.query)
    if named is not None or hub.profiles.items:
        return named
    failed = server is not None and server.phase is Phase.FAILED
    return None if failed else last


def _is_anothers_word(visit: Visit, options: Mapping[str, Any]) -> bool:
    """Return whether a page of another site has written a choice that is not on the list.

    It may be the image in which the visitor's files are opened: they look at it first.
    """
    written = any(str(key).endswith(f"--{UNLISTED}") for key in options)
    return written and visit.request.given.get("sec-fetch-site") in {"cross-site", "same-site"}


def _only_looks(visit: Visit) -> bool:
    """Return whether a browser fetches the page before anybody has asked for it."""
    given = visit.request.given
    purpose = given.get("sec-purpose", "") + given.get("purpose", "")
    return visit.request.method == "HEAD" or "prefetch" in purpose


async def answer(hub: Hub, visit: Visit) -> Response:
    """Start what was chosen, and show how far it is."""
    owner, name = visit.owner, visit.params.get("server", "")
    chosen = answered(hub, visit.form)
    called = visit.posted("called") or visit.posted("display_name") or None
    rescue = bool(visit.posted("rescue"))
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
    themselves = owner.id == visit.me.user.id
    try:
        owner = await hub.refresh.before_start(owner, themselves=themselves)
        await hub.servers.start(
            owner, name, options, display_name=called, in_line=True, rescue=rescue
        )
    except Untimely as error:
        if error.code == "already-running":
            return away(_onwards(hub, visit, owner, name))
        if error.code == "pending-stop":
            return go(visit, "home", said="stopping", what=name or "")
        return await _form(hub, visit, None, options, error)
    except Denied as error:
        if error.code != "signin.again" or not themselves:
            raise
        visit.request.done |= of_sign_out(owner)
        return go(visit, "login", said="again", next=_form_again(visit, owner, name))
    except (Invalid, Busy, Unavailable) as error:
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
    kept = await _to_be_had(hub, owner, profiles, still_there(profiles, last))
    said = told(error.code, error.params, who) if error else ""
    query = _kept(visit)
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


async def _to_be_had(
    hub: Hub, owner: User, profiles: Profiles, last: dict[str, Any]
) -> dict[str, Any]:
    """Return `last`, without what this machine has no devices for."""
    ids = await hub.servers.group_overrides(owner)
    profile_alone = {key: it for key, it in last.items() if key == "profile"}
    for options in (last, profile_alone):
        if await hub.servers.allotment.exists(profiles.overrides(options, ids)):
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
    query = _kept(visit)
    return f"{address}?{query}" if query else address


def _form_again(visit: Visit, owner: User, name: str) -> str:
    return visit.pages.url("spawn", *((owner.name, name) if name else (owner.name,)))


def _onwards(hub: Hub, visit: Visit, owner: User, name: str) -> str:
    """Return where a server that runs is opened."""
    address = server_url(hub, owner.name, name)
    if visit.asked("next"):
        return following(visit, address)
    query = _kept(visit)
    return f"{address}?{query}" if query else address


def _kept(visit: Visit) -> str:
    """Return what of the query goes on with the browser: all that is not about the start."""
    asked = parse_qsl(visit.request.raw_query, keep_blank_values=True)
    return urlencode([(n, it) for n, it in asked if n not in _OWN and not names_option(n)])
