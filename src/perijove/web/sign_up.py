"""/signup: ask for an account, and wait until an administrator has looked at it."""

from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.kit.seal import opened, sealed
from perijove.model.errors import Conflict, Denied, HubError, Invalid
from perijove.model.user import Standing, User
from perijove.web import live
from perijove.web.frame import draw, go, reader

COOKIE = "pj_asked"
"""Says which account was asked for in this browser, and lets it see what becomes of that."""
_LIFE = 30 * 86400
_FIELDS = ("username", "name", "note")


async def show(hub: Hub, visit: Visit) -> Response:
    """Ask who they are and what for."""
    return await _form(hub, visit, {})


async def ask(hub: Hub, visit: Visit) -> Response:
    """Write the request down; the page says what happens next."""
    try:
        user = await hub.login.sign_up(
            visit.posted("username"),
            visit.posted("password"),
            display=visit.posted("name"),
            why=visit.posted("note"),
            address=visit.address,
        )
        visit.request.done |= {"user": user.name, "standing": user.standing}
    except HubError as error:
        return await _form(hub, visit, {field_of(error): error}, status=_status(error))
    if user.standing is Standing.ACTIVE:
        return go(visit, "login", said="registered", username=user.name)
    response = go(visit, "signup", "waiting")
    response.set_cookie(
        COOKIE,
        remembered(hub, user),
        max_age=_LIFE,
        path=visit.pages.url("signup"),
        secure=visit.request.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def wait(hub: Hub, visit: Visit) -> Response:
    """Show that the request waits, or what has become of it."""
    user = await _asked(hub, visit)
    if user is None:
        return go(visit, "signup")
    if user.standing is Standing.ACTIVE:
        return go(visit, "login", said="approved", username=user.name)
    declined = ""
    if user.standing is not Standing.WAITING:
        code = "signup.declined" if user.standing is Standing.DECLINED else "blocked"
        declined = told(code, {"name": user.name}, reader(visit))
    return await draw(hub, visit, "sign-up-waiting.html", who=user, declined=declined)


async def stream(hub: Hub, visit: Visit) -> Response:
    """Open the page afresh as soon as somebody has decided."""

    async def standing() -> Standing | None:
        user = await _asked(hub, visit)
        return user.standing if user else None

    async def messages() -> AsyncIterator[str]:
        async for now in live.looks(standing):
            if now is not Standing.WAITING:
                yield live.follow(visit.pages.url("signup", "waiting"))

    return live.stream(messages())


def field_of(error: HubError) -> str:
    """Return the field of a form that an error of an account is about; '' is the whole form."""
    if not isinstance(error, Invalid | Conflict):
        return ""
    family = error.code.partition(".")[0]
    return {"name": "username", "password": "password", "display-name": "name"}.get(family, "")


def _status(error: HubError) -> int:
    return 403 if isinstance(error, Denied) else 400


async def _asked(hub: Hub, visit: Visit) -> User | None:
    given = visit.request.jar.get(COOKIE, [""])[0]
    said = opened(hub.about.page_secret, COOKIE, given)
    return await hub.accounts.by_id(int(said)) if said else None


def remembered(hub: Hub, user: User) -> str:
    """Return the cookie of who asked for the account `user`; nobody else can make it."""
    return sealed(hub.about.page_secret, COOKIE, str(user.id).encode())


async def _form(
    hub: Hub, visit: Visit, trouble: Mapping[str, HubError], status: int = 200
) -> Response:
    who = reader(visit)
    said = {field: told(it.code, it.params, who) for field, it in trouble.items()}
    closed = "" if hub.login.signs_up else told("signup.closed", {}, who)
    return await draw(
        hub,
        visit,
        "sign-up.html",
        status,
        given={field: visit.posted(field) for field in _FIELDS},
        errors={field: said.get(field, "") for field in (*_FIELDS, "password")},
        trouble=said.get("", ""),
        closed=closed,
        at_once=hub.login.at_once,
        shortest=SHORTEST_PASSWORD,
    )
