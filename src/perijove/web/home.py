"""/home: my servers, and what may be done with them."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.naming import display_name_of, name_for
from perijove.core.shares import holds
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.model.errors import HubError, Untimely
from perijove.model.scope import Kind, Target
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import User
from perijove.web import live
from perijove.web.cards import Card, card, phase_shown
from perijove.web.frame import away, done, draw, following, go, reader, server_url
from perijove.web.services import offered
from perijove.web.shared import lent
from perijove.web.uses import uses
from perijove.web.visits import latest


async def front(hub: Hub, visit: Visit) -> Response:
    """Lead to where the settings say, or to the own server if it runs, else home."""
    if visit.visitor is None:
        return away(visit.pages.url("login"), 302, next=visit.pages.url())
    return away(following(visit, await landing(hub, visit, visit.me.user)), 302)


async def landing(hub: Hub, visit: Visit, user: User) -> str:
    """Return where `user` comes to who has signed in and did not say where to go."""
    leading, home = hub.leading, visit.pages.url("home")
    if leading.default_url:
        return leading.default_url
    if leading.to_server is False:
        return home
    server = await hub.servers.find(user, "")
    if server is not None and server.phase is Phase.RUNNING:
        return server_url(hub, user.name, "")
    return visit.pages.url("spawn") if leading.to_server else home


async def show(hub: Hub, visit: Visit) -> Response:
    """Show what runs."""
    return await _show(hub, visit)


async def stream(hub: Hub, visit: Visit) -> Response:
    """Follow what moves; when nothing does any more, the page is opened afresh."""

    async def pages() -> AsyncIterator[str]:
        async for moving in live.looks(lambda: _moves(hub, visit)):
            if not moving:
                yield live.follow(visit.pages.url("home"))

    return live.stream(pages())


async def new(hub: Hub, visit: Visit) -> Response:
    """Name another server, then choose its options."""
    user, called = visit.me.user, " ".join(visit.posted("name").split())
    if not hub.servers.naming.allowed:
        raise Untimely("named-servers-off")
    try:
        name = name_for(display_name_of(called))
        held = [server for server in await hub.servers.of(user) if server.name]
        hub.servers.naming.require_new(user, name, len(held))
    except HubError as error:
        return await _show(hub, visit, called, told(error.code, error.params, reader(visit)))
    named = {"called": called} if called != name else {}
    return go(visit, "spawn", user.name, name, **named)


async def _show(hub: Hub, visit: Visit, called: str = "", error: str = "") -> Response:
    user = visit.me.user
    servers = {it.name: it for it in await hub.servers.of(user) if not _forgotten(it)}
    used = await uses(hub, list(servers.values()), reader(visit))
    default = card(hub, visit, user.name, servers.pop("", None))
    named = [card(hub, visit, user.name, server) for _, server in sorted(servers.items())]
    notices = [*done(visit), *await latest(hub, visit)]
    shared: dict[str, Any] = {
        "notices": notices,
        "has_options": bool(hub.profiles.items),
        "shares_servers": _shares(visit),
        "lent": await lent(hub, visit),
        "services": await offered(hub, visit),
    }
    if default.since is None and not named and not error:
        account = hub.shared_account
        return await draw(
            hub, visit, "home-new.html", default=default, shared_account=account, **shared
        )
    return await draw(
        hub,
        visit,
        "home.html",
        status=400 if error else 200,
        default=default,
        named=named,
        uses=used,
        named_allowed=hub.servers.naming.allowed,
        moving=default.moving or any(each.moving for each in named),
        dialogs=_dialogs(default, named),
        new={"name": called, "error": error},
        **shared,
    )


def _dialogs(default: Card, named: list[Card]) -> list[tuple[Card, str]]:
    return [(default, "main"), *((each, f"named-{n}") for n, each in enumerate(named, 1))]


def _shares(visit: Visit) -> bool:
    """Return whether they may share their servers."""
    user = visit.me.user
    own = Target(kind=Kind.SERVER, user=user.name, groups=user.groups)
    return holds(visit.me.principal, "shares", own)


def _forgotten(server: Server) -> bool:
    """Return whether it was deleted, and only its row is left for a moment."""
    return server.at_rest and server.desired is Desired.REMOVED


async def _moves(hub: Hub, visit: Visit) -> bool:
    steady = {Phase.RUNNING, Phase.STOPPED, Phase.FAILED}
    return any(phase_shown(server) not in steady for server in await hub.servers.of(visit.me.user))
