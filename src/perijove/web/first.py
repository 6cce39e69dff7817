"""/first: the one-time link that lets the first administrator in."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.http.page import Visit
from perijove.http.sentences import next_step, told
from perijove.model.errors import HubError, Invalid
from perijove.web.frame import draw, go, reader
from perijove.web.sign_in import tell_of


async def show(hub: Hub, visit: Visit) -> Response:
    """Show where the link leads; looking at it, as previews of links do, uses nothing up."""
    secret = visit.asked("secret")
    try:
        await hub.login.require_link(secret)
    except HubError as error:
        return await _form(hub, visit, secret, used=error)
    return await _form(hub, visit, secret)


async def enter(hub: Hub, visit: Visit) -> Response:
    """Sign the administrator in, with the password chosen here where there are passwords."""
    secret, password = visit.posted("secret"), visit.posted("password")
    visit.request.done["name"] = hub.login.administrator
    try:
        cookie, session = await hub.login.once(
            secret,
            password=password if hub.login.signs_up else None,
            address=visit.address,
            agent=visit.agent,
        )
    except Invalid as error:
        tell_of(visit, error)
        return await _form(hub, visit, secret, wrong=error)
    except HubError as error:
        tell_of(visit, error)
        return await _form(hub, visit, secret, used=error)
    response = go(visit, "home")
    visit.cookies.sign_in(response, cookie, session, secure=visit.request.secure)
    return response


async def _form(
    hub: Hub,
    visit: Visit,
    secret: str,
    *,
    wrong: HubError | None = None,
    used: HubError | None = None,
) -> Response:
    """Return the page; `wrong` is about the password, `used` about the link."""
    who = reader(visit)
    return await draw(
        hub,
        visit,
        "first.html",
        403 if used else 400 if wrong else 200,
        secret=secret[:256],
        username=hub.login.administrator,
        passwords=hub.login.signs_up,
        wrong=told(wrong.code, wrong.params, who) if wrong else "",
        used=told(used.code, used.params, who) if used else "",
        step=(next_step(used.code, used.params, who) or "") if used else "",
        shortest=SHORTEST_PASSWORD,
    )
