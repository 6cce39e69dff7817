"""What every page has beside its own: the navigation, and what was just done."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from perijove.core import Hub
from perijove.http.next_url import destination
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.web.viewer import asking

"""The scope that shows the page of all people."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What stands above a page: what happened, and what it means."""

    title: str
    text: str = ""
    kind: str = "ok"
    """ok, wait, bad or ''."""
    mark: str = "check"
    role: str = "status"


DONE = {
    "saved": noted("Saved."),
    "password": noted("The password is changed. Every other browser must sign in again."),
    "signed-out": noted("That browser is signed out."),
    "signed-out-all": noted("Every other browser is signed out."),
    "revoked": noted("The token is revoked: it opens nothing any more."),
    "shared": noted("{what} can use the server now."),
    "unshared": noted("{what} cannot use the server any more."),
    "link-revoked": noted("The link is good for nothing any more."),
    "left": noted("The server of {what} is shared with you no more."),
    "deleted": noted("{what} is deleted."),
    "stopping": noted("{what} is being stopped."),
    "starting": noted("{what} is being started."),
    "extended": noted("{what} will not be stopped before {at}."),
    "approved": noted("{what} can sign in now."),
    "declined": noted("The request of {what} is declined."),
    "blocked": noted("{what} is blocked: signed out everywhere, and running servers are stopped."),
    "added": noted("{what} is added."),
    "bulk-stopped": noted("Servers are being stopped: {what}."),
    "bulk-joined": noted("Put into the group: {what}."),
    "bulk-left": noted("Taken out of the group: {what}."),
    "bulk-approved": noted("They can sign in now: {what}."),
    "bulk-blocked": noted("Blocked: {what}."),
    "bulk-deleted": noted("Deleted: {what}."),
    "restored": noted(
        "{what} is back, with the home folder of before. Tokens, groups and rights are not back."
    ),
    "restored-into": noted("The files are in the home folder now, in {what}."),
    "emptied": noted("The home folder of {what} is deleted for good."),
}
"""What `?said=` can say. `{what}` is a name from the address, so nothing else may stand there."""


async def draw(
    hub: Hub, visit: Visit, template: str, status: int = 200, **context: Any
) -> Response:
    """Return the page, with the navigation of who has signed in."""
    waiting = len(await asking(hub, visit)) if visit.administers else 0
    known = {"waiting": waiting, "has_services": await _has_services(hub, visit)}
    return visit.pages.draw(visit, template, status, **(known | context))


async def _has_services(hub: Hub, visit: Visit) -> bool:
    """Return whether there is a service that the visitor may open, or look after."""
    if visit.visitor is None:
        return False
    scopes = visit.visitor.principal.scopes
    if any(scope.name == "list:services" for scope in scopes) and await hub.services.all():
        return True
    return bool(await hub.services.open_to(scopes))


def done(visit: Visit) -> list[Notice]:
    """Return what the form before this page has done."""
    text = DONE.get(visit.asked("said"))
    if text is None:
        return []
    return [
        Notice(
            reader(visit).say(
                text, {"what": visit.asked("what")[:100], "at": visit.asked("at")[:5]}
            )
        )
    ]


def reader(visit: Visit) -> Reader:
    """Return who reads."""
    return visit.pages.reader(visit)


def go(visit: Visit, *parts: str | int, **query: str) -> Response:
    """Return the way to a page of ours, after a form."""
    return away(visit.pages.url(*parts), **query)


def away(address: str, status: int = 303, /, **query: str) -> Response:
    """Return the way to `address`."""
    asked = f"{'&' if '?' in address else '?'}{urlencode(query)}" if query else ""
    return RedirectResponse(address + asked, status, {"cache-control": "no-store"})


def back(hub: Hub, visit: Visit, *parts: str, **query: str) -> Response:
    """Return the way to where the form was, or to the page of `parts`; never off this site."""
    posted = visit.posted("next")
    default = visit.pages.url(*parts)
    if posted.startswith(f"{hub.base_url}hub/"):
        return away(posted.partition("?")[0], **query)
    return away(default, **query)


def following(visit: Visit, default: str) -> str:
    """Return where `next` leads, or `default`; never off this site."""
    return destination(visit.request, default)


def server_url(hub: Hub, user: str, name: str) -> str:
    """Return the address of a server."""
    return hub.address(user, name)
