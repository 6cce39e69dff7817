"""/admin: everybody, who waits for approval, search; the list follows what happens."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import has_power, require_power
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.core.names import normal
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.http.sentences import told
from perijove.model.errors import HubError
from perijove.model.user import User
from perijove.store.people import Only
from perijove.web import live
from perijove.web.frame import Notice, done, draw, go, reader
from perijove.web.listed import PAGE, Search, found, rows
from perijove.web.sign_up import field_of
from perijove.web.thrown import thrown
from perijove.web.viewer import Viewer, asking

MOST = 500
"""People whom one action may be about."""
_LOOK = 3.0
"""Seconds between two looks at the list."""


async def show(hub: Hub, visit: Visit) -> Response:
    """Show one page of those who match."""
    return await _show(hub, visit, {})


async def lead(_: Hub, visit: Visit) -> Response:
    """Lead on whoever opens again what a form was sent to."""
    return go(visit, "admin")


async def show_trouble(hub: Hub, visit: Visit, error: HubError) -> Response:
    """Show everybody, and why what was asked for was not done."""
    said = told(error.code, error.params, reader(visit))
    return await _show(hub, visit, {}, Notice(said, "", "bad", "failed", "alert"))


async def add(hub: Hub, visit: Visit) -> Response:
    """Add a person who may sign in at once."""
    name, admin = visit.posted("username").strip(), bool(visit.posted("admin"))
    visit.request.done |= {"user": name[:255], "admin": admin}
    require_power(visit.me.principal, User(id=0, name=name), admin=admin)
    hub.entitled.require_may_let_in(visit.me.principal, User(id=0, name=normal(name)))
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


async def stream(hub: Hub, visit: Visit) -> Response:
    """Send the list afresh whenever something in it changes; boxes that are ticked stay so."""

    async def drawn() -> str:
        context = await _list(hub, visit, Viewer.of(visit))
        return visit.pages.text(visit, "people-list.html", **context)

    async def sections() -> AsyncIterator[str]:
        async for html in live.looks(drawn, every=_LOOK):
            yield live.section(html)

    return live.stream(sections())


async def _show(
    hub: Hub, visit: Visit, wrong: Mapping[str, HubError], trouble: Notice | None = None
) -> Response:
    who, viewer = reader(visit), Viewer.of(visit)
    said = {field: told(it.code, it.params, who) for field, it in wrong.items()}
    notices: list[Notice] = [trouble] if trouble else done(visit)
    if unclear := Search.of(visit, viewer).unclear:
        words = who.say("“{words}” is no filter here, so nobody is found.", {"words": unclear[0]})
        notices = [*notices, Notice(words, "", "wait", "search")]
    return await draw(
        hub,
        visit,
        "people.html",
        400 if wrong or trouble else 200,
        notices=notices,
        asking=(await asking(hub, visit))[:PAGE],
        adds=viewer.adds,
        given={each: visit.posted(each) for each in ("username", "name", "admin")},
        errors={each: said.get(each, "") for each in ("username", "name", "password")},
        wrong=bool(wrong),
        has_audit=has_power(visit.me.principal),
        trash=await thrown(hub, visit),
        passwords=hub.login.signs_up,
        shortest=SHORTEST_PASSWORD,
        **await _list(hub, visit, viewer),
    )


async def _list(hub: Hub, visit: Visit, viewer: Viewer) -> dict[str, Any]:
    """Return what the list is drawn with: one page of those who match."""
    search = Search.of(visit, viewer)
    offset = search.offset
    people, total = await found(hub, viewer, search, PAGE)
    stream = {"q": search.query, "offset": offset, "sort": search.sort, "_xsrf": visit.xsrf}
    before, after = (
        replace(search, offset=max(offset - PAGE, 0)),
        replace(search, offset=offset + PAGE),
    )
    return {
        "totals": await _totals(hub, viewer, reader(visit)),
        "lists": viewer.only != Only(),
        "stream": f"{visit.pages.url('people', 'stream')}?{urlencode(stream)}",
        "query": search.query,
        "sort": search.sort,
        "chips": search.chips(visit),
        "sorted_by": search.sorted_by(visit),
        "people": await rows(hub, visit, viewer, people),
        "has_memory": hub.gauges.gauge is not None,
        "has_gpus": bool(hub.servers.allotment.known),
        "first": offset + 1,
        "last": offset + len(people),
        "total": total,
        "most": MOST,
        "before": before.address(visit) if offset else "",
        "after": after.address(visit) if offset + PAGE < total else "",
    }


async def _totals(hub: Hub, viewer: Viewer, who: Reader) -> str:
    """Say how many people there are, and servers, for whoever may see all of them."""
    _, people = await found(hub, viewer, Search(), 1)
    given = {"people": who.count("{n} person", "{n} people", people)}
    if viewer.only is not None or "servers" not in viewer.common:
        return given["people"]
    running = len(await hub.servers.running())
    given["servers"] = who.count("{n} server runs", "{n} servers run", running)
    return who.say("{people}, {servers}.", given)
