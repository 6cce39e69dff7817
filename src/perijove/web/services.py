"""/services: programs beside it that the visitor may open; for administrators, all of them."""

from dataclasses import dataclass

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.http.reader import noted
from perijove.model.errors import Unknown
from perijove.model.scope import Kind, Target
from perijove.model.service import Seen, Service
from perijove.web.frame import away, draw, reader

ACCESS, LIST = "access:services", "list:services"
KINDS = {
    "managed": noted("Run by Perijove"),
    "external": noted("Runs elsewhere"),
}
RUNS, SILENT, ENDED = noted("Running"), noted("Does not answer"), noted("Not running")
UNKNOWN = noted("Not known at the moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One service in a list."""

    name: str
    url: str = ""
    """Where the visitor opens it; '' if they cannot."""
    about: str = ""
    state: str = ""
    """running or failed; '' if no hub knows."""
    word: str = ""


async def offered(hub: Hub, visit: Visit) -> list[Line]:
    """Return the services that the visitor is shown and may open."""
    found = await hub.services.open_to(visit.me.principal.scopes)
    return [Line(name=it.name, url=hub.services.address(it.name)) for it in found]


async def show(hub: Hub, visit: Visit) -> Response:
    """Show the services."""
    seen = await hub.services.seen()
    every = [
        _line(hub, visit, it, seen.get(it.name))
        for it in (await hub.services.all()).values()
        if _holds(visit, LIST, it)
    ]
    return await draw(hub, visit, "services.html", offered=await offered(hub, visit), every=every)


async def lead(hub: Hub, visit: Visit) -> Response:
    """Lead to a service whose address was written without its last slash."""
    service = (await hub.services.all()).get(visit.params["service"])
    if service is None or not service.url:
        raise Unknown
    return away(hub.services.address(service.name), 302)


def _line(hub: Hub, visit: Visit, service: Service, seen: Seen | None) -> Line:
    state, word = _state(service, seen)
    who = reader(visit)
    opened = service.url and _holds(visit, ACCESS, service)
    return Line(
        name=service.name,
        url=hub.services.address(service.name) if opened else "",
        about=who.say(KINDS[service.kind]),
        state=state,
        word=who.say(word) if word else "",
    )


def _state(service: Service, seen: Seen | None) -> tuple[str, str]:
    """Return how it is, as far as any hub knows: what nobody sees may well run."""
    if seen is None:
        return ("", UNKNOWN) if service.managed else ("", "")
    if service.managed and not seen.pid:
        return "failed", ENDED
    if seen.answers is False:
        return "failed", SILENT
    if seen.answers or (service.managed and not service.url):
        return "running", RUNS
    return "", ""


def _holds(visit: Visit, scope: str, service: Service) -> bool:
    target = Target(kind=Kind.SERVICE, service=service.name)
    held = visit.me.principal.scopes
    return any(it.name == scope and it.covers(target) for it in held)
