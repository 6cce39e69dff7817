"""/admin/{user}/change: another name, role, groups; first asked if something is lost by it."""

from dataclasses import dataclass

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import require_power
from perijove.core.names import display_name
from perijove.http.page import Visit
from perijove.model.errors import Denied, HubError
from perijove.web import person
from perijove.web.declared import movable, words
from perijove.web.frame import draw, go, reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was asked for, beside what is."""

    display_name: str
    admin: bool
    joins: tuple[str, ...]
    leaves: tuple[str, ...]


async def save(hub: Hub, visit: Visit) -> Response:
    """Change it, unless something is lost that nobody was asked about."""
    owner, oneself = visit.owner, visit.owner.id == visit.me.user.id
    require_power(visit.me.principal, owner, admin=bool(visit.posted("admin")))
    try:
        change = await _asked(hub, visit)
        for group in change.joins:
            await hub.gains.require_none(visit.me.principal, group, [owner.name])
        demoted = owner.admin and not change.admin
        if demoted and not await hub.accounts.has_another_administrator():
            raise Denied("last-administrator")
    except HubError as error:
        return await person.show_trouble(hub, visit, error)
    sure = bool(visit.posted("sure"))
    losses = _losses(visit, change, demoted=demoted, oneself=oneself)
    visit.request.done |= {
        "display_name": change.display_name,
        "admin": change.admin,
        "joins": change.joins,
        "leaves": change.leaves,
        "done": sure or not losses,
    }
    if losses and not sure:
        return await _ask(hub, visit, change, losses)
    await hub.accounts.change(owner, display_name=change.display_name, admin=change.admin)
    for group in change.joins:
        await hub.groups.join(group, [owner.name])
    for group in change.leaves:
        await hub.groups.leave(group, [owner.name])
    if demoted and oneself:
        return go(visit, "home", said="saved")
    return go(visit, "admin", owner.name, said="saved")


async def _asked(hub: Hub, visit: Visit) -> Change:
    """Return what the form says; groups that the visitor cannot move people in stay.

    Raises:
        Invalid: nobody can be called that.
    """
    owner, chosen = visit.owner, set(visit.form.get("group", []))
    may = await movable(hub, visit)
    return Change(
        display_name=display_name(visit.posted("name")),
        admin=bool(visit.posted("admin")) if visit.me.principal.admin else owner.admin,
        joins=tuple(it for it in may if it in chosen and it not in owner.groups),
        leaves=tuple(it for it in may if it in owner.groups and it not in chosen),
    )


def _losses(visit: Visit, change: Change, *, demoted: bool, oneself: bool) -> list[str]:
    """Return what is lost, in sentences."""
    who, lost = reader(visit), list[str]()
    if demoted and oneself:
        lost.append(
            who.say("You administer this Perijove no more, and cannot take that back yourself.")
        )
    elif demoted:
        name = visit.owner.display_name or visit.owner.name
        lost.append(who.say("{name} administers this Perijove no more.", {"name": name}))
    if change.leaves:
        groups = who.say(", ").join(change.leaves)
        lost.append(
            who.say(
                "Out of {groups}: what the group gives is lost, profiles, limits and rights."
                " Servers run on.",
                {"groups": groups},
            )
        )
    return lost


async def _ask(hub: Hub, visit: Visit, change: Change, losses: list[str]) -> Response:
    owner, who = visit.owner, reader(visit)
    stays = [it for it in owner.groups if it not in change.leaves]
    name = owner.display_name or owner.name
    return await draw(
        hub,
        visit,
        "person-sure.html",
        title=who.say("Change {name}?", {"name": name}),
        person=owner,
        losses=losses,
        change=change,
        groups=sorted([*stays, *change.joins]),
        declared=words(hub, visit),
    )
