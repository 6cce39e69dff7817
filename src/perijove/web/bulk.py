"""/people: one action with many people: first asked what is lost, then done, each told."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.shares import holds
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.http.sentences import told
from perijove.kit.ids import id_of
from perijove.model.errors import Denied, HubError, Invalid, Unavailable, Unknown
from perijove.model.scope import Target
from perijove.model.server import Server
from perijove.model.user import User
from perijove.web import people
from perijove.web.actions import ACTIONS, Action
from perijove.web.declared import movable
from perijove.web.frame import draw, go, reader
from perijove.web.listed import Search, found
from perijove.web.thrown import becomes_of
from perijove.web.viewer import Viewer

logger = logging.getLogger(__name__)

_TOGETHER = 8
"""People for whom it is done at the same time."""
_NAMED = 3
"""So many are named in a sentence; more are counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One person on the page that asks, or that tells what went wrong."""

    id: int
    name: str
    """'' of one whom the viewer may not see."""
    display_name: str
    words: str


Failure: TypeAlias = tuple[User, HubError]


async def ask(hub: Hub, visit: Visit) -> Response:
    """Ask whether it is meant, with every name and what is lost; nothing is done yet."""
    if visit.posted("do") not in ACTIONS:
        raise Unknown
    try:
        return await _ask(hub, visit, visit.posted("do"), await _chosen(hub, visit))
    except (Invalid, Denied) as error:
        return await people.show_trouble(hub, visit, error)


async def carry_out(hub: Hub, visit: Visit) -> Response:
    """Do it for each, and tell for whom it could not be done, and why."""
    name = visit.params["action"]
    if name not in ACTIONS:
        raise Unknown
    action, chosen = ACTIONS[name], await _by_id(hub, visit.form.get("user", []))
    viewer, who = Viewer.of(visit), reader(visit)
    users = {user.id: viewer.named(user) for user in chosen}
    visit.request.done |= {"users": [*users.values()], "group": visit.posted("group")}
    if name == "delete" and visit.posted("typed").strip() != str(len(chosen)):
        error = Invalid("not-typed", name=str(len(chosen)))
        return await _ask(hub, visit, name, _some(_seen(viewer, chosen)), error)
    failed = await _for_each(hub, visit, action, chosen)
    refused = {user.id for user, _ in failed}
    users |= {user.id: user.name for user in chosen if user.id not in refused}
    visit.request.done["users"] = [*users.values()]
    if failed:
        visit.request.done["failed"] = {users[user.id]: error.code for user, error in failed}
    else:
        return go(visit, "admin", said=action.done, what=_named(viewer, chosen, who))
    lines = [_failed(viewer, user, error, who) for user, error in failed]
    return await draw(
        hub,
        visit,
        "people-failed.html",
        title=who.say(action.button),
        done=len(chosen) - len(failed),
        lines=lines,
        action=name,
        group=visit.posted("group"),
    )


async def _ask(
    hub: Hub, visit: Visit, name: str, chosen: Sequence[User], error: HubError | None = None
) -> Response:
    who, action, viewer = reader(visit), ACTIONS[name], Viewer.of(visit)
    oneself = action.others and any(user.id == visit.me.user.id for user in chosen)
    if oneself and len(chosen) == 1:
        raise Denied("own-account")
    chosen = [user for user in chosen if not oneself or user.id != visit.me.user.id]
    servers: defaultdict[int, list[Server]] = defaultdict(list)
    for server in await hub.servers.of_many(chosen):
        if not server.at_rest:
            servers[server.user_id].append(server)
    running = {it.id: len(viewer.servers(it, servers[it.id])) for it in chosen}
    one, many = action.title
    loss = who.say(action.loss)
    return await draw(
        hub,
        visit,
        "people-sure.html",
        400 if error else 200,
        title=who.say(one) if len(chosen) == 1 else who.say(many, {"n": len(chosen)}),
        loss=who.both(loss, await becomes_of(hub, who, chosen)) if name == "delete" else loss,
        button=who.say(action.button),
        trouble=told(error.code, error.params, who) if error else "",
        without=who.say("You are left out: nobody blocks or deletes their own account.")
        if oneself
        else "",
        danger=action.danger,
        lines=[_line(user, _running(running[user.id], who)) for user in chosen],
        action=name,
        groups=await movable(hub, visit) if action.group else [],
        makes_groups=holds(visit.me.principal, "groups", Target()),
        asks_group=action.group,
        typed=str(len(chosen)) if name == "delete" else "",
    )


async def _for_each(
    hub: Hub, visit: Visit, action: Action, chosen: Sequence[User]
) -> list[Failure]:
    room = asyncio.Semaphore(_TOGETHER)

    async def one(user: User) -> HubError | None:
        async with room:
            try:
                await action.do(hub, visit, user)
            except HubError as error:
                return error
            except OSError:
                logger.exception("%s: not done for %s", visit.request.raw_path, user.name)
                return Unavailable("bulk.failed", name=user.name)
        return None

    errors = await asyncio.gather(*map(one, chosen))
    return [(user, error) for user, error in zip(chosen, errors, strict=True) if error]


async def _chosen(hub: Hub, visit: Visit) -> list[User]:
    """Return who was ticked, or everybody whom the search finds; nobody whom no list may show.

    Raises:
        Invalid: nobody, or too many.
    """
    viewer = Viewer.of(visit)
    if visit.posted("all"):
        search = Search(visit.posted("q").strip()[:255], known=viewer.common)
        chosen, total = await found(hub, viewer, search, people.MOST)
    else:
        chosen = _seen(viewer, await _by_id(hub, visit.form.get("user", [])))
        total = len(chosen)
    if total > people.MOST:
        raise Invalid("bulk.many", most=people.MOST, found=total)
    return _some(chosen)


async def _by_id(hub: Hub, ids: Sequence[str]) -> list[User]:
    """Return those of these ids that are still there."""
    whole = [id for it in dict.fromkeys(ids) if (id := id_of(it)) is not None]
    found = [await hub.accounts.by_id(it) for it in whole[: people.MOST]]
    return [user for user in found if user]


def _some(chosen: list[User]) -> list[User]:
    """Return them.

    Raises:
        Invalid: there is nobody.
    """
    if not chosen:
        raise Invalid("bulk.nobody")
    return chosen


def _seen(viewer: Viewer, chosen: Sequence[User]) -> list[User]:
    return [user for user in chosen if viewer.sees(user)]


def _line(user: User, words: str) -> Line:
    return Line(user.id, user.name, user.display_name, words)


def _failed(viewer: Viewer, user: User, error: HubError, who: Reader) -> Line:
    """Return what went wrong with one; of one who may not be seen, as if nobody were there."""
    if viewer.sees(user):
        return _line(user, told(error.code, error.params, who))
    return Line(user.id, "", "", told(Unknown().code, {}, who))


def _running(servers: int, who: Reader) -> str:
    return who.count("{n} server runs", "{n} servers run", servers) if servers else ""


def _named(viewer: Viewer, chosen: Sequence[User], who: Reader) -> str:
    if len(chosen) > _NAMED or not all(map(viewer.sees, chosen)):
        return who.count("{n} person", "{n} people", len(chosen))
    return who.say(", ").join(user.display_name or user.name for user in chosen)
