"""Servers that others share with somebody, on their home page; and what a share lets them do."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import grant
from perijove.core.shares import With, holds
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.model.errors import Unknown
from perijove.model.principal import Principal
from perijove.model.scope import Kind, Target
from perijove.model.server import Server
from perijove.model.share import ACCESS, Share
from perijove.model.user import User
from perijove.web.cards import Card, card
from perijove.web.frame import go, reader

MAY = {
    ACCESS: noted("work in it, with all its files"),
    "servers": noted("start and stop it"),
    "start:servers": noted("start it"),
    "delete:servers": noted("stop it"),
    "read:servers": noted("see whether it runs"),
}
"""What a share allows, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A server of somebody else, in the list."""

    card: Card
    owner: str
    may: str
    may_start: bool
    may_stop: bool
    leave: str
    """Where the share is given up; '' if it is a group's alone."""


async def lent(hub: Hub, visit: Visit) -> list[Lent]:
    """Return what others share with the visitor; what they may not enter is not in it."""
    me, found = visit.me, dict[int, list[Share]]()
    for share in await hub.shares.with_person(me.user):
        found.setdefault(share.server.id, []).append(share)
    lines = []
    for shares in found.values():
        server = shares[0].server
        owner = await hub.accounts.by_id(server.user_id)
        if owner and owner.id != me.user.id and may(me.principal, ACCESS, server, owner):
            lines.append(_line(hub, visit, shares, owner))
    return lines


async def leave(hub: Hub, visit: Visit) -> Response:
    """Give up a share, whoever has given it."""
    me, name = visit.me, visit.params.get("server", "")
    target = Target(kind=Kind.USER, user=me.user.name, groups=me.user.groups)
    grant(me.principal, ("users:shares",), target)
    owner = await hub.accounts.named(visit.params["owner"])
    server = await hub.servers.find(owner, name) if owner else None
    them = With(user=me.user)
    if server is None or await hub.shares.find(server, them) is None:
        raise Unknown
    await hub.shares.revoke(server, them)
    return go(visit, "home", said="left", what=server.user)


def allowed(names: Iterable[str], who: Reader) -> list[str]:
    """Return what the scopes called `names` allow, in words."""
    return [who.say(MAY[name]) if name in MAY else name for name in names]


def may(principal: Principal, scope: str, server: Server, owner: User) -> bool:
    """Return whether `principal` holds a scope on a server of `owner`."""
    target = Target(kind=Kind.SERVER, user=owner.name, server=server.name, groups=owner.groups)
    return holds(principal, scope, target)


def _line(hub: Hub, visit: Visit, shares: list[Share], owner: User) -> Lent:
    server, who, mine = shares[0].server, visit.me.principal, {it.user for it in shares}
    path = (owner.name, server.name) if server.name else (owner.name,)
    names = sorted({name for share in shares for name in share.scopes})
    return Lent(
        card=card(hub, visit, owner.name, server),
        owner=owner.display_name or owner.name,
        may=" · ".join(allowed(names, reader(visit))),
        may_start=may(who, "start:servers", server, owner),
        may_stop=may(who, "delete:servers", server, owner),
        leave=visit.pages.url("leave", *path) if visit.me.user.name in mine else "",
    )
