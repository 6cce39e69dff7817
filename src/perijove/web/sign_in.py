"""/login and /logout."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.names import short
from perijove.http.page import Visit
from perijove.http.reader import noted
from perijove.http.sentences import next_step, told
from perijove.kit.timings import LOGIN, LOGOUT
from perijove.model.errors import Busy, Denied, HubError, Invalid, Unknown
from perijove.web.frame import Notice, away, draw, following, reader
from perijove.web.home import landing

SAID = {
    "out": noted("You are signed out. Your servers keep running."),
    "stopped": noted("You are signed out. Your servers are being stopped."),
    "again": noted("You are signed out: sign in again, to show that it is still you."),
    "approved": noted("Your account has been approved. You can sign in now."),
    "registered": noted("Your account is ready. You can sign in now."),
}
"""What `?said=` can say above the form."""
_TITLES = {
    "signup.waiting": noted("Your account waits for approval"),
    "signup.declined": noted("Your account was not approved"),
    "signin.slow-down": noted("Too many tries"),
}
_OWN = {"said", "username"}
"""What is for this page alone, and goes no further."""
_PATIENCE = {"signup.waiting", "signin.slow-down"}


async def show(hub: Hub, visit: Visit) -> Response:
    """Ask who it is; somebody who has signed in goes on at once."""
    if visit.visitor:
        return away(following(visit, await landing(hub, visit, visit.me.user)), 302)
    said = SAID.get(visit.asked("said"))
    said = reader(visit).say(said) if said else ""
    return await _form(hub, visit, visit.asked("username")[:255], said=said)


async def enter(hub: Hub, visit: Visit) -> Response:
    """Sign in, and go where the person wanted to go."""
    name, password = visit.posted("username"), visit.posted("password")
    visit.request.done["name"] = short(name)
    try:
        with hub.timings.timed(LOGIN):
            secret, session = await hub.login.sign_in(
                name, password, address=visit.address, agent=visit.agent
            )
    except (Denied, Busy, Invalid) as error:
        tell_of(visit, error)
        return await _refused(hub, visit, name[:255], error)
    user = await hub.accounts.by_id(session.user_id)
    start = await landing(hub, visit, user) if user else visit.pages.url()
    response = away(following(visit, start), 302)  # hub.md 4.1
    visit.cookies.sign_in(response, secret, session, secure=visit.request.secure)
    return response


async def leave(hub: Hub, visit: Visit) -> Response:
    """Sign out; a link from another site asks first."""
    if visit.request.given.get("sec-fetch-site") == "cross-site" and visit.visitor:
        return await draw(hub, visit, "logout.html")
    return await out(hub, visit)


async def out(hub: Hub, visit: Visit) -> Response:
    """Sign out: the session ends, and every token given under it."""
    stopping = False
    if visit.visitor:
        visit.request.done["session"] = str(visit.visitor.session.id)
        stopping = hub.leading.stops_on_leaving and await _stop_all(hub, visit)
        with hub.timings.timed(LOGOUT):
            await hub.sessions.end(visit.visitor.session)
    if hub.leading.stays_out:
        gone = replace(visit, visitor=None, principal=None, xsrf="")
        response = await draw(hub, gone, "signed-out.html", stopping=stopping)
    else:
        said = "stopped" if stopping else "out"
        response = away(visit.pages.url("login"), 302, said=said)  # hub.md 4.1
    visit.cookies.sign_out(response, secure=visit.request.secure)
    return response


async def _stop_all(hub: Hub, visit: Visit) -> bool:
    """Ask every server of who leaves to stop; return whether there was any."""
    user = visit.me.user
    moving = [it.name for it in await hub.servers.of(user) if not it.at_rest]
    for name in moving:
        with suppress(Unknown):  # it was removed meanwhile
            await hub.servers.stop(user, name)
    if moving:
        visit.request.done["stops"] = [f"{user.name}/{name}" for name in moving]
    return bool(moving)


def tell_of(visit: Visit, error: HubError) -> None:
    """Tell the audit log of a sign-in that fails, unless there are too many to tell of."""
    if isinstance(error, Busy):
        visit.request.done.clear()
    else:
        visit.request.done["refused"] = error.code


async def _refused(hub: Hub, visit: Visit, name: str, error: HubError) -> Response:
    who = reader(visit)
    sentence = told(error.code, error.params, who)
    if error.code == "wrong-password":
        return await _form(hub, visit, name, 403, wrong=sentence)
    step = next_step(error.code, error.params, who)
    patient = error.code in _PATIENCE
    title = _TITLES.get(error.code, noted("You are not allowed to use this Perijove"))
    notice = Notice(
        who.say(title),
        who.both(sentence, step or ""),
        "wait" if patient else "bad",
        "clock" if patient else "shield",
    )
    status = 429 if isinstance(error, Busy) else 403
    return await _form(hub, visit, name, status, refused=notice)


async def _form(hub: Hub, visit: Visit, name: str, status: int = 200, **shown: Any) -> Response:
    asked = parse_qsl(visit.request.raw_query)
    query = urlencode([(name, value) for name, value in asked if name not in _OWN])
    context = {"said": "", "wrong": "", "refused": None} | shown
    return await draw(
        hub,
        visit,
        "sign-in.html",
        status,
        name=name,
        signs_up=hub.login.signs_up,
        action=visit.pages.url("login") + (f"?{query}" if query else ""),
        **context,
    )
