"""/admin: everybody, who waits for approval, search."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import require_power
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.http.sentences import told
from perijove.model.errors import HubError
from perijove.model.server import Phase
from perijove.model.user import Standing, User
from perijove.store.people import Activeness, Order, Wanted
from perijove.web.cards import phase_shown, title
from perijove.web.frame import Notice, done, draw, go, reader
from perijove.web.sign_up import field_of
from perijove.web.thrown import thrown

PAGE = 50
STANDINGS = {
    Standing.ACTIVE: noted("may sign in"),
    Standing.WAITING: noted("waits for approval"),
    Standing.DECLINED: noted("declined"),
    Standing.BLOCKED: noted("blocked"),
}
_REST = {Phase.STOPPED}
_STATES = {"is:running": Activeness.ACTIVE, "is:inactive": Activeness.INACTIVE}
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Shown:
    """One server in the list: a name only where it is not the default one."""

    state: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of the list."""

    name: str
    display_name: str
    admin: bool
    standing_word: str
    servers: list[Shown]
    last_activity: datetime | None


async def show(hub: Hub, visit: Visit) -> Response:
    """Show one page of those who match."""
    return await _show(hub, visit, {})


async def show_trouble(hub: Hub, visit: Visit, error: HubError) -> Response:
    """Show everybody, and why what was asked for was not done."""
    said = told(error.code, error.params, reader(visit))
    return await _show(hub, visit, {}, Notice(said, "", "bad", "failed", "alert"))


async def add(hub: Hub, visit: Visit) -> Response:
    """Add a person who may sign in at once."""
    name, admin = visit.posted("username").strip(), bool(visit.posted("admin"))
    visit.request.done |= {"user": name[:255], "admin": admin}
    require_power(visit.me.principal, User(id=0, name=name), admin=admin)
    try:
        user = await hub.accounts.create(
            name,
            password=visit.posted("password") or None,
            display_name=visit.posted("name").strip()[:120],
            admin=admin,
        )
    except HubError as error:
        return await _show(hub, visit, {field_of(error) or "username": error})
    return go(visit, "admin", said="added", what=user.name)


async def _show(
    hub: Hub, visit: Visit, wrong: Mapping[str, HubError], trouble: Notice | None = None
) -> Response:
    who, query = reader(visit), visit.asked("q").strip()[:255]
    offset = _offset(visit.asked("offset"))
    people, total = await hub.accounts.page(_wanted(query), offset, PAGE)
    running = await hub.servers.running()
    said = {field: told(it.code, it.params, who) for field, it in wrong.items()}
    waiting = await hub.accounts.waiting()
    _, everybody = await hub.accounts.page(Wanted(), 0, 1)
    notices: list[Notice] = [trouble] if trouble else done(visit)
    return await draw(
        hub,
        visit,
        "people.html",
        400 if wrong or trouble else 200,
        totals=_totals(everybody, len(running), who),
        notices=notices,
        asking=waiting[:PAGE],
        query=query,
        people=[await _person(hub, user, who) for user in people],
        first=offset + 1,
        last=offset + len(people),
        total=total,
        before=_page(visit, query, max(offset - PAGE, 0)) if offset else "",
        after=_page(visit, query, offset + PAGE) if offset + PAGE < total else "",
        given={each: visit.posted(each) for each in ("username", "name", "admin")},
        errors={each: said.get(each, "") for each in ("username", "name", "password")},
        wrong=bool(wrong),
        trash=await thrown(hub, visit),
        passwords=hub.login.signs_up,
        shortest=SHORTEST_PASSWORD,
    )


def _wanted(query: str) -> Wanted:
    """Read a search: `is:running group:lab wei` is a wei of that group whose server runs."""
    words = query.split()
    asked = {word for word in words if word.startswith(("is:", _GROUP))}
    groups = [word.removeprefix(_GROUP) for word in words if word.startswith(_GROUP)]
    standing = next((each for each in Standing if f"is:{each.value}" in asked), None)
    return Wanted(
        name_filter=" ".join(word for word in words if word not in asked),
        anywhere=True,
        state=next((state for word, state in _STATES.items() if word in asked), Activeness.ANY),
        standing=standing,
        admin="is:admin" in asked,
        group=groups[-1] if groups else None,
        order=Order.NAME,
    )


def _offset(text: str) -> int:
    return min(int(text), 10**9) if text.isascii() and text.isdigit() else 0


def _page(visit: Visit, query: str, offset: int) -> str:
    asked = {"q": query} if query else {}
    if offset:
        asked["offset"] = str(offset)
    return visit.pages.url("admin") + (f"?{urlencode(asked)}" if asked else "")


def _totals(people: int, running: int, who: Reader) -> str:
    given = {
        "people": who.count("{n} person", "{n} people", people),
        "servers": who.count("{n} server runs", "{n} servers run", running),
    }
    return who.say("{people}, {servers}.", given)


async def _person(hub: Hub, user: User, who: Reader) -> Person:
    servers = await hub.servers.of(user)
    return Person(
        name=user.name,
        display_name=user.display_name,
        admin=user.admin,
        standing_word=(
            "" if user.standing is Standing.ACTIVE else who.say(STANDINGS[user.standing])
        ),
        servers=[
            Shown(phase_shown(each).value, title(who, each, each.name) if each.name else "")
            for each in servers
            if each.phase not in _REST
        ],
        last_activity=hub.activity.of_user(user),
    )
