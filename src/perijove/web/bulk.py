"""/people: one action with many people: first asked what is lost, then done, each told."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.http.sentences import told
from perijove.model.errors import Denied, HubError, Invalid, Unavailable, Unknown
from perijove.model.server import Server
from perijove.model.user import User
from perijove.web import people
from perijove.web.actions import ACTIONS, Action
from perijove.web.frame import draw, go, reader
from perijove.web.listed import Search
from perijove.web.thrown import becomes_of

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
    visit.request.done |= {"users": [user.name for user in chosen], "group": visit.posted("group")}
    if name == "delete" and visit.posted("typed").strip() != str(len(chosen)):
        error = Invalid("not-typed", name=str(len(chosen)))
        return await _ask(hub, visit, name, chosen, error)
    failed = await _for_each(hub, visit, action, chosen)
    if failed:
        visit.request.done["failed"] = {user.name: error.code for user, error in failed}
    who = reader(visit)
    if not failed:
        return go(visit, "admin", said=action.done, what=_named(chosen, who))
    lines = [_line(user, told(error.code, error.params, who)) for user, error in failed]
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
    who, action = reader(visit), ACTIONS[name]
    oneself = action.others and any(user.id == visit.me.user.id for user in chosen)
    if oneself and len(chosen) == 1:
        raise Denied("own-account")
    chosen = [user for user in chosen if not oneself or user.id != visit.me.user.id]
    servers: defaultdict[int, list[Server]] = defaultdict(list)
    for server in await hub.servers.of_many(chosen):
        if not server.at_rest:
            servers[server.user_id].append(server)
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
        lines=[_line(user, _running(servers[user.id], who)) for user in chosen],
        action=name,
        groups=[it.name for it in await hub.groups.all()] if action.group else [],
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
    """Return who was ticked, or everybody whom the search finds.

    Raises:
        Invalid: nobody, or too many.
    """
    if visit.posted("all"):
        wanted = Search(visit.posted("q").strip()[:255]).wanted(hub.clock())
        found, total = await hub.accounts.page(wanted, 0, people.MOST)
    else:
        found = await _by_id(hub, visit.form.get("user", []))
        total = len(found)
    if not found:
        raise Invalid("bulk.nobody")
    if total > people.MOST:
        raise Invalid("bulk.many", most=people.MOST, found=total)
    return found


async def _by_id(hub: Hub, ids: Sequence[str]) -> list[User]:
    """Return those of these ids that are still there."""
    whole = [int(it) for it in dict.fromkeys(ids) if it.isascii() and it.isdigit()]
    found = [await hub.accounts.by_id(it) for it in whole[: people.MOST] if it < 1 << 63]
    return [user for user in found if user]


def _line(user: User, words: str) -> Line:
    return Line(user.id, user.name, user.display_name, words)


def _running(servers: Sequence[Server], who: Reader) -> str:
    return who.count("{n} server runs", "{n} servers run", len(servers)) if servers else ""


def _named(chosen: Sequence[User], who: Reader) -> str:
    if len(chosen) > _NAMED:
        return who.count("{n} person", "{n} people", len(chosen))
    return who.say(", ").join(user.display_name or user.name for user in chosen)
