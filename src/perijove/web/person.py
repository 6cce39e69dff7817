"""/admin/{user}: one person; approve, decline, block, delete, give a new password."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import has_power, require_power
from perijove.core.accounts import SHORTEST_PASSWORD
from perijove.core.shares import holds
from perijove.http.page import Visit
from perijove.http.sentences import told
from perijove.model.errors import Denied, HubError, Untimely
from perijove.model.token import Kind
from perijove.web.cards import card
from perijove.web.declared import movable, words
from perijove.web.frame import Notice, done, draw, go, reader
from perijove.web.listed import STANDINGS
from perijove.web.thrown import becomes_of
from perijove.web.uses import home, uses
from perijove.web.viewer import Viewer, about
from perijove.web.visits import told_visits


async def show(hub: Hub, visit: Visit) -> Response:
    """Show the servers, the account, and who opened the servers."""
    return await _show(hub, visit)


async def show_trouble(hub: Hub, visit: Visit, error: HubError) -> Response:
    """Show them, and why what was asked for was not done."""
    return await _show(hub, visit, error)


async def approve(hub: Hub, visit: Visit) -> Response:
    """Let the person in."""
    require_power(visit.me.principal, visit.owner)
    hub.entitled.require_may_let_in(visit.me.principal, visit.owner)
    await hub.accounts.approve(visit.owner)
    return go(visit, "admin", said="approved", what=visit.owner.name)


async def decline(hub: Hub, visit: Visit) -> Response:
    """Say no to who asked."""
    require_power(visit.me.principal, visit.owner)
    await hub.accounts.decline(visit.owner)
    return go(visit, "admin", said="declined", what=visit.owner.name)


async def block(hub: Hub, visit: Visit) -> Response:
    """Shut the person out; files stay."""
    require_power(visit.me.principal, visit.owner)
    _require_other(visit)
    await hub.accounts.block(visit.owner)
    return go(visit, "admin", visit.owner.name, said="blocked", what=visit.owner.name)


async def delete(hub: Hub, visit: Visit) -> Response:
    """Delete the person, if the name was typed."""
    require_power(visit.me.principal, visit.owner)
    _require_other(visit)
    name = visit.owner.name
    if visit.posted("typed").strip() != name:
        return await _show(hub, visit, Denied("not-typed", name=name))
    try:
        await hub.accounts.delete(visit.owner)
    except Untimely as error:
        return await _show(hub, visit, error)
    return go(visit, "admin", said="deleted", what=name)


async def password(hub: Hub, visit: Visit) -> Response:
    """Give the person another password."""
    await _require_may_choose(hub, visit)
    try:
        await hub.accounts.set_password(visit.owner, visit.posted("new"))
    except HubError as error:
        return await _show(hub, visit, error)
    return go(visit, "admin", visit.owner.name, said="saved")


async def _require_may_choose(hub: Hub, visit: Visit) -> None:
    """Let nobody make themselves somebody who may more than they."""
    require_power(visit.me.principal, visit.owner)
    hub.entitled.require_may_let_in(visit.me.principal, visit.owner)
    await hub.impersonation.require_password(visit.me.principal, visit.owner)


async def _why_no_password(hub: Hub, visit: Visit) -> str:
    """Return in a sentence why the visitor may not choose the password, or ''."""
    try:
        await _require_may_choose(hub, visit)
    except Denied as error:
        return told(error.code, error.params, reader(visit))
    return ""


def _require_other(visit: Visit) -> None:
    """Keep administrators from shutting themselves out."""
    if visit.owner.id == visit.me.user.id:
        raise Denied("own-account")


async def _show(hub: Hub, visit: Visit, error: HubError | None = None) -> Response:
    who, person = reader(visit), visit.owner
    viewer = Viewer.of(visit)
    sees_servers = "servers" in viewer.fields(person)
    servers = viewer.servers(person, await hub.servers.of(person))
    shown = [card(hub, visit, person.name, server) for server in servers]
    if sees_servers and not any(server.name == "" for server in servers):
        shown.append(card(hub, visit, person.name, None))
    notices: list[Notice] = done(visit)
    if error:
        said = told(error.code, error.params, who)
        notices = [Notice(said, "", "bad", "failed", "alert")]
    return await draw(
        hub,
        visit,
        "person.html",
        400 if error else 200,
        title=person.display_name or person.name,
        person=person,
        last_activity=hub.activity.of_user(person),
        standing=person.standing.value,
        standing_word=who.say(STANDINGS[person.standing]),
        notices=notices,
        servers=sorted(shown, key=lambda each: each.name),
        uses=await uses(hub, servers, who),
        home=home(hub, servers[0].placement, who) if servers else "",
        sees_servers=sees_servers,
        visits=await told_visits(hub, person, who) if sees_servers else [],
        sessions=len(await hub.sessions.of(person)),
        tokens=await _tokens(hub, visit),
        passwords=hub.login.signs_up,
        no_password=await _why_no_password(hub, visit) if hub.login.signs_up else "",
        shortest=SHORTEST_PASSWORD,
        groups=await movable(hub, visit),
        declared=words(hub, visit),
        has_audit=has_power(visit.me.principal),
        files=await becomes_of(hub, who, [person]),
    )


async def _tokens(hub: Hub, visit: Visit) -> int | None:
    """Return how many tokens the person has; None: the visitor may not know."""
    if not holds(visit.me.principal, "read:tokens", about(visit.owner)):
        return None
    return sum(token.kind is Kind.API for token in await hub.tokens.of(visit.owner))
