"""/user/… below the hub: what answers for a server that has no route (hub.md 4.3)."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.responses import RedirectResponse, Response

from perijove.core import Hub
from perijove.core.access import grant
from perijove.core.ask import announced
from perijove.core.routes import prefix
from perijove.http.asked import Asked
from perijove.http.dress import VERSION
from perijove.http.page import Visit
from perijove.model.errors import Denied, Unknown
from perijove.model.scope import Kind, Target
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import User

_STARTING = 503
_BROKEN = 500
_LONGEST_WAIT = 10
_FEW = 2
"""Redirects that are enough where hub and server may not understand each other (hub.md 4.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an address below /user/ means."""

    owner: str
    server: str
    path: str
    """The same address outside the hub, as it was sent."""
    query: str


async def arrive(hub: Hub, visit: Visit) -> Response:
    """Send a person to their server, or say that it does not run, and how to start it."""
    owner = await hub.accounts.named(visit.params["user"])
    server, place = await _meant(hub, visit, owner)
    if visit.principal is None:
        return _anonymous(hub, visit, place)
    if not _let_in(visit, owner, place.server):
        first = _first(visit)
        if not (first and _let_in(visit, owner, first)):
            raise Unknown
        server, place = None, replace(place, server=first)  # it may be gone, but not from them
    if server is not None and _up(server):
        return await _onwards(hub, visit, place, server)
    if _of_program(visit):
        return _starting() if server and not server.at_rest else _unavailable(hub, visit, place)
    may_start = _let_in(visit, owner, place.server, "start:servers")
    moves = server is not None and (not server.at_rest or server.phase is Phase.FAILED)
    if moves and may_start:
        there = f"{place.path}?{place.query}" if place.query else place.path
        to = f"{_spawn(hub, place, 'spawn-pending')}?next={quote(there, safe='')}"
        return RedirectResponse(to, 303)
    return visit.pages.draw(
        visit,
        "stopped.html",
        hub.leading.gone,
        user=place.owner,
        server=place.server,
        next=f"{place.path}?{place.query}" if place.query else place.path,
        reason=server.reason if server and may_start else None,
        may_start=may_start,
        starts_after=hub.leading.starts_after if may_start else 0,
    )


async def refuse(hub: Hub, visit: Visit) -> Response:
    """Tell a program that its server does not run."""
    owner = await hub.accounts.named(visit.params["user"]) if visit.principal else None
    server, place = await _meant(hub, visit, owner)
    if server is not None and _up(server):
        return _starting()  # its route has not reached the proxy
    return _unavailable(hub, visit, place)


async def _meant(hub: Hub, visit: Visit, owner: User | None) -> tuple[Server | None, Place]:
    """Return the server that an address means, the default one unless it names another."""
    first = _first(visit)
    servers: Sequence[Server] = await hub.servers.of(owner) if owner else []
    named = next((it for it in servers if it.name and it.name == first), None)
    default = next((it for it in servers if not it.name), None)
    return named or default, _place(hub, visit, named)


def _first(visit: Visit) -> str:
    """Return the first part of the path below the user: the name of a server, or of a page."""
    return unquote(visit.params.get("path", "").partition("/")[0])


def _place(hub: Hub, visit: Visit, named: Server | None) -> Place:
    asked, inside = visit.request, f"{hub.base_url}hub/"
    raw = asked.raw_path
    path = hub.base_url + raw.removeprefix(inside) if raw.startswith(inside) else raw
    return Place(
        owner=visit.params["user"],
        server=named.name if named else "",
        path=path,
        query=asked.raw_query,
    )


def _anonymous(hub: Hub, visit: Visit, place: Place) -> Response:
    if _of_program(visit):
        return _unavailable(hub, visit, place)
    here = visit.request.raw_path + (f"?{place.query}" if place.query else "")
    return RedirectResponse(f"{hub.base_url}hub/login?next={quote(here, safe='')}", 302)


def _let_in(visit: Visit, owner: User | None, name: str, by: str = "access:servers") -> bool:
    """Return whether they may enter a server; who may not is told that there is nothing.

    `by`: the scope by which they may do something else with it.
    """
    if owner is None or visit.principal is None:
        return False
    target = Target(kind=Kind.SERVER, user=owner.name, server=name, groups=owner.groups)
    try:
        grant(visit.principal, (by,), target)
    except (Denied, Unknown):
        return False
    return True


async def _onwards(hub: Hub, visit: Visit, place: Place, server: Server) -> Response:
    """Send to the server, more slowly each time: its route may not have reached the proxy."""
    query = parse_qsl(place.query, keep_blank_values=True)
    counts = [value for name, value in query if name == "redirects" and value.isdecimal()]
    count = int(counts[0][:3]) if counts else 0
    params = {"server": f"{place.owner}/{place.server}"}
    if count >= _FEW and (version := await _of_another(hub, server)):
        params |= {"version": version, "hub": VERSION}
        return visit.pages.problem(visit, _BROKEN, "redirect-loop.version", params)
    if count >= hub.leading.most_redirects:
        return visit.pages.problem(visit, _BROKEN, "redirect-loop", params)
    if count > 0:
        await asyncio.sleep(min(2**count, _LONGEST_WAIT))
    kept = [(name, value) for name, value in query if name != "redirects"]
    text = urlencode([*kept, ("redirects", count + 1)])
    there = f"{hub.domains.of_user(place.owner)}{place.path}?{text}"
    return RedirectResponse(there, 302, {"cache-control": "no-store"})


async def _of_another(hub: Hub, server: Server) -> str | None:
    """Return of which other JupyterHub a server says it is."""
    if server.address is None:
        return None
    version = await announced(server.address, prefix(hub.base_url, server.user, server.name))
    return None if version == VERSION else version


def _up(server: Server) -> bool:
    return server.phase is Phase.RUNNING and server.desired is Desired.RUNNING


def of_program(asked: Asked, path: str) -> bool:
    """Return whether no person sees the answer to what is asked of `path` below a user."""
    return "api" in path.split("/") or prefers_json(asked.given.get("accept", ""))


def _of_program(visit: Visit) -> bool:
    return of_program(visit.request, visit.params.get("path", ""))


def prefers_json(accept: str) -> bool:
    """Return whether an Accept header wants JSON before HTML."""
    found = {"json": 0.0, "html": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (it.strip() for it in part.split(";"))
        quality = next((it[2:] for it in parameters if it.startswith("q=")), "1")
        name = kind.rpartition("/")[2].rpartition("+")[2]
        name = "html" if name == "xml" else name
        if name in found and quality.replace(".", "", 1).isdecimal():
            found[name] = max(found[name], float(quality))
    return found["json"] > found["html"]


def _spawn(hub: Hub, place: Place, page: str) -> str:
    path = prefix(f"{hub.base_url}hub/", place.owner, place.server)
    return path.replace("/hub/user/", f"/hub/{page}/", 1).removesuffix("/")


def _unavailable(hub: Hub, visit: Visit, place: Place) -> Response:
    """Say it in the words and with the status that JupyterLab looks for."""
    url = prefix(hub.base_url, place.owner, place.server)
    restart = f"{visit.request.site}{_spawn(hub, place, 'spawn')}"
    message = f"JupyterHub server no longer running at {url}. Restart the server at {restart}"
    return _json(hub.leading.gone, message)


def _starting() -> Response:
    answer = _json(_STARTING, "The server is starting.")
    answer.headers["retry-after"] = "2"
    return answer


def _json(status: int, message: str) -> Response:
    body = json.dumps({"status": status, "message": message})
    return Response(body, status, {"cache-control": "no-store"}, "application/json")
