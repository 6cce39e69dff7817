"""What can be done with many people at once: how each is asked, done and told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from perijove.core import Hub
from perijove.core.access import grant, require_power
from perijove.http.page import Visit
from perijove.http.reader import noted
from perijove.model.errors import Denied, Unknown
from perijove.model.scope import Kind, Target
from perijove.model.user import User
from perijove.web.viewer import Viewer, about


@dataclass(frozen=True, slots=True)
class Action:
    """What is done with each, and how it is asked and told."""

    do: Callable[[Hub, Visit, User], Awaitable[None]]
    title: tuple[str, str]
    """The question, for one and for many."""
    loss: str
    button: str
    done: str
    """What `?said=` says when it was done for everybody."""
    danger: bool = False
    group: bool = False
    """It asks for a group."""
    others: bool = False
    """Nobody does it to themselves."""


async def _stop(hub: Hub, visit: Visit, user: User) -> None:
    at_work = [it.name for it in await hub.servers.of(user) if not it.at_rest]
    for name in at_work or [""]:  # whether anything runs is not told to who may stop nothing
        grant(visit.me.principal, ("delete:servers",), about(user, name))
    for name in at_work:
        await hub.servers.stop(user, name)


async def _join(hub: Hub, visit: Visit, user: User) -> None:
    _require_group(visit)
    _require_seen(visit, user)
    group, names = visit.posted("group"), [user.name]
    await hub.gains.require_none(visit.me.principal, group, names)
    await hub.groups.join(group, names)


async def _leave(hub: Hub, visit: Visit, user: User) -> None:
    _require_group(visit)
    if visit.posted("group") not in user.groups:
        _require_seen(visit, user)
    await hub.groups.leave(visit.posted("group"), [user.name])


async def _approve(hub: Hub, visit: Visit, user: User) -> None:
    _require(visit, user, "admin:users")
    hub.entitled.require_may_let_in(visit.me.principal, user)
    await hub.accounts.approve(user)


async def _block(hub: Hub, visit: Visit, user: User) -> None:
    _require(visit, user, "admin:users")
    _require_other(visit, user)
    await hub.accounts.block(user)


async def _delete(hub: Hub, visit: Visit, user: User) -> None:
    _require(visit, user, "delete:users")
    _require_other(visit, user)
    await hub.accounts.delete(user)


ACTIONS = {
    "stop": Action(
        _stop,
        (noted("Stop the servers of this person?"), noted("Stop the servers of {n} people?")),
        noted(
            "What runs in them ends: variables in memory and open terminals are lost."
            " Files in the home folders stay."
        ),
        noted("Stop servers"),
        "bulk-stopped",
    ),
    "join": Action(
        _join,
        (noted("Put this person into a group"), noted("Put {n} people into a group")),
        noted("They get what the group gives: profiles, limits and rights."),
        noted("Add to group"),
        "bulk-joined",
        group=True,
    ),
    "leave": Action(
        _leave,
        (noted("Take this person out of a group"), noted("Take {n} people out of a group")),
        noted("They lose what the group gives: profiles, limits and rights. Servers run on."),
        noted("Take out of group"),
        "bulk-left",
        group=True,
    ),
    "approve": Action(
        _approve,
        (noted("Let this person in?"), noted("Let {n} people in?")),
        noted("They may sign in from now on."),
        noted("Let in"),
        "bulk-approved",
    ),
    "block": Action(
        _block,
        (noted("Block this person?"), noted("Block {n} people?")),
        noted(
            "Signing in is refused from now on, sessions and tokens end, and running servers"
            " are stopped. Files stay."
        ),
        noted("Block"),
        "bulk-blocked",
        danger=True,
        others=True,
    ),
    "delete": Action(
        _delete,
        (noted("Delete this person?"), noted("Delete {n} people?")),
        noted(
            "Their accounts, servers and tokens are gone. People added later under the same"
            " names get nothing of theirs."
        ),
        noted("Delete"),
        "bulk-deleted",
        danger=True,
        others=True,
    ),
}


def _require(visit: Visit, user: User, scope: str) -> None:
    """Let only those do it who may do it to `user`."""
    grant(visit.me.principal, (scope,), about(user))
    require_power(visit.me.principal, user)


def _require_seen(visit: Visit, user: User) -> None:
    """Let nobody find out by a number what somebody is called."""
    if not Viewer.of(visit).sees(user):
        raise Unknown


def _require_other(visit: Visit, user: User) -> None:
    """Let nobody do it to themselves."""
    if user.id == visit.me.user.id:
        raise Denied("own-account")


def _require_group(visit: Visit) -> None:
    grant(visit.me.principal, ("groups",), Target(kind=Kind.GROUP, group=visit.posted("group")))
