"""Visits: open the server of somebody else, who is told; and who opened mine."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit as PageVisit
from perijove.http.reader import Reader
from perijove.model.errors import Unknown
from perijove.model.server import Phase
from perijove.model.user import User
from perijove.model.visit import Visit
from perijove.web.frame import Notice, away, draw, reader, server_url

_RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Told:
    """One visit, in words."""

    at: datetime
    words: str


async def show(hub: Hub, visit: PageVisit) -> Response:
    """Ask an administrator why they open the server of another person."""
    return await _ask(hub, visit)


async def enter(hub: Hub, visit: PageVisit) -> Response:
    """Tell the owner, then open the server."""
    owner, name = visit.owner, visit.params.get("server", "")
    why = visit.posted("why").strip()
    server = await hub.servers.find(owner, name)
    if server is None or server.phase is not Phase.RUNNING:
        raise Unknown
    if not why and owner.id != visit.me.user.id:
        return await _ask(hub, visit, reader(visit).say("Say why: the owner can read it."))
    visit.request.done |= {"as": owner.name, "why": why[:255]}
    await hub.visits.add(server, visit.me.user, why)
    return away(server_url(hub, owner.name, name))


async def told_visits(hub: Hub, user: User, who: Reader) -> list[Told]:
    """Return who opened the servers of `user`, the latest first."""
    return [Told(each.at, _words(each, who)) for each in await hub.visits.of_owner(user)]


async def latest(hub: Hub, visit: PageVisit) -> list[Notice]:
    """Return a notice about the last visit, if it was within a day."""
    now, who = visit.pages.clock(), reader(visit)
    recent = [each for each in await hub.visits.of_owner(visit.me.user) if now - each.at < _RECENT]
    if not recent:
        return []
    last = recent[0]
    given = {"name": last.visitor, "at": last.at}
    title = who.say("{name} (administrator) opened your server, {at:moment}", given)
    return [Notice(title, who.say("“{why}”", {"why": last.why}) if last.why else "", "", "info")]


def _words(visit: Visit, who: Reader) -> str:
    given = {
        "name": visit.visitor,
        "server": visit.server or who.say("the default server"),
        "why": visit.why,
    }
    if visit.why:
        return who.say("{name} (administrator) opened {server}: “{why}”.", given)
    return who.say("{name} (administrator) opened {server}.", given)


async def _ask(hub: Hub, visit: PageVisit, error: str = "") -> Response:
    name = visit.params.get("server", "")
    path = (visit.owner.name, name) if name else (visit.owner.name,)
    return await draw(
        hub,
        visit,
        "visit.html",
        400 if error else 200,
        owner=visit.owner.display_name or visit.owner.name,
        action=visit.pages.url("visit", *path),
        hidden=[],
        error=error,
        why="",
    )
