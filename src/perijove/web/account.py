"""/account: my name, language, theme, password; where I am signed in; who opened my servers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.core.names import display_name
from perijove.http.languages import COOKIE, LANGUAGES
from perijove.http.page import Visit
from perijove.http.pages import THEME_COOKIE, THEMES
from perijove.http.reader import Reader
from perijove.http.sentences import told
from perijove.model.errors import HubError, Unknown
from perijove.model.token import Session
from perijove.web.agents import browser_of
from perijove.web.frame import Notice, done, draw, go, reader
from perijove.web.language import remember
from perijove.web.visits import told_visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """One place in which somebody has signed in."""

    id: int
    browser: str
    phone: bool
    this: bool
    address: str
    created: datetime
    seen: datetime


async def show(hub: Hub, visit: Visit) -> Response:
    """Show it all."""
    return await _show(hub, visit, {})


async def save(hub: Hub, visit: Visit) -> Response:
    """Keep name, language and theme."""
    language, theme = visit.posted("language"), visit.posted("theme")
    if language not in {"", *LANGUAGES} or theme not in {"", *THEMES}:
        raise Unknown
    try:
        name = display_name(visit.posted("name"))
    except HubError as error:
        return await _show(hub, visit, {"name": error})
    visit.request.done |= {"display_name": name, "language": language}
    await hub.accounts.change(visit.me.user, display_name=name, language=language)
    response = go(visit, "account", said="saved")
    remember(visit, response, COOKIE, "")  # the account says it now
    remember(visit, response, THEME_COOKIE, theme)
    return response


async def password(hub: Hub, visit: Visit) -> Response:
    """Change the password of who knows the current one; every other browser is signed out."""
    user, old, new = visit.me.user, visit.posted("old"), visit.posted("new")
    try:
        await hub.login.require_password(user, old, address=visit.address)
    except HubError as error:
        return await _show(hub, visit, {"old": error})
    try:
        await hub.accounts.set_password(user, new, keep=visit.me.session)
    except HubError as error:
        return await _show(hub, visit, {"new": error})
    return go(visit, "account", said="password")


async def end(hub: Hub, visit: Visit) -> Response:
    """Sign another browser out."""
    id = visit.params["session"]
    for session in await hub.sessions.of(visit.me.user):
        if str(session.id) == id:
            await hub.sessions.end(session)
            return go(visit, "account", said="signed-out")
    raise Unknown


async def end_all(hub: Hub, visit: Visit) -> Response:
    """Sign every other browser out."""
    for session in await hub.sessions.of(visit.me.user):
        if session.id != visit.me.session.id:
            await hub.sessions.end(session)
    return go(visit, "account", said="signed-out-all")


async def _show(hub: Hub, visit: Visit, wrong: Mapping[str, HubError]) -> Response:
    user, who = visit.me.user, reader(visit)
    given = {
        "name": user.display_name,
        "language": visit.request.cookies.get(COOKIE, "") or user.language,
    }
    if wrong:
        given = {name: visit.posted(name) or kept for name, kept in given.items()}
    said = {field: _told(field, error, who) for field, error in wrong.items()}
    sessions = sorted(await hub.sessions.of(user), key=lambda each: each.id != visit.me.session.id)
    notices: list[Notice] = done(visit)
    return await draw(
        hub,
        visit,
        "account.html",
        400 if wrong else 200,
        notices=notices,
        given=given,
        errors={field: said.get(field, "") for field in ("name", "old", "new")},
        passwords=hub.login.signs_up,
        has_password=await hub.accounts.password(user.name) is not None,
        shortest=SHORTEST_PASSWORD,
        sessions=[_browser(session, visit, who) for session in sessions],
        visits=await told_visits(hub, user, who),
    )


def _told(field: str, error: HubError, who: Reader) -> str:
    if field == "old" and error.code == "wrong-password":
        return who.say("That is not the current password.")
    return told(error.code, error.params, who)


def _browser(session: Session, visit: Visit, who: Reader) -> Browser:
    return Browser(
        id=session.id,
        browser=browser_of(session.agent, who),
        phone=bool(re.search(r"iPhone|Android.*Mobile", session.agent)),
        this=session.id == visit.me.session.id,
        address=session.address,
        created=session.created,
        seen=session.seen,
    )
