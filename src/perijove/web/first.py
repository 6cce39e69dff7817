"""/first: the one-time link that lets the first administrator in."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.model.errors import HubError
from perijove.web.frame import draw, go, reader


async def enter(hub: Hub, visit: Visit) -> Response:
    """Sign the administrator in, then let them choose a password; a mere look uses nothing up."""
    if visit.request.method == "HEAD" or "sec-purpose" in visit.request.given:
        return Response()
    try:
        cookie, session = await hub.login.once(
            visit.asked("secret"), address=visit.address, agent=visit.agent
        )
    except HubError as error:
        said = told(error.code, error.params, reader(visit))
        return await draw(hub, visit, "first-used.html", 403, used=said)
    response = go(visit, "first", "password") if hub.login.signs_up else go(visit, "home")
    response.headers["referrer-policy"] = "no-referrer"
    visit.cookies.sign_in(response, cookie, session.session, secure=visit.request.secure)
    return response


async def show(hub: Hub, visit: Visit) -> Response:
    """Ask for a password, if there is none yet."""
    if not hub.login.signs_up or await hub.accounts.password(visit.me.user.name) is not None:
        return go(visit, "home")
    return await _form(hub, visit)


async def choose(hub: Hub, visit: Visit) -> Response:
    """Keep the first password of the account."""
    user = visit.me.user
    if await hub.accounts.password(user.name) is not None:
        return go(visit, "account")
    try:
        await hub.accounts.set_password(user, visit.posted("password"), keep=visit.me.session)
    except HubError as error:
        return await _form(hub, visit, told(error.code, error.params, reader(visit)))
    return go(visit, "home")


async def _form(hub: Hub, visit: Visit, wrong: str = "") -> Response:
    shown = {"wrong": wrong, "shortest": SHORTEST_PASSWORD}
    return await draw(hub, visit, "first.html", 400 if wrong else 200, **shown)
