"""Who comes to a server that is shared with them: they are asked once, and need not say why."""

from dataclasses import dataclass

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.grants import Offer
from perijove.http.page import Visit
from perijove.model.scope import Kind, Target
from perijove.model.share import ACCESS, Share


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who may enter by nothing but shares of that server."""

    shares: tuple[Share, ...]

    @property
    def accepted(self) -> bool:
        """Whether they have said that they want it."""
        return any(it.accepted for it in self.shares)


async def guest(hub: Hub, visit: Visit, offer: Offer) -> Guest | None:
    """Return who comes as a guest; None: by a right of their own, which they must account for."""
    if offer.client.owner_id in {None, visit.me.user.id}:
        return None
    given = await hub.shares.with_person(visit.me.user)
    shares = tuple(
        it for it in given if it.server.id == offer.client.server_id and ACCESS in it.scopes
    )
    if not shares:
        return None
    server, owner = shares[0].server, await hub.accounts.by_id(shares[0].server.user_id)
    groups = owner.groups if owner else frozenset[str]()
    target = Target(kind=Kind.SERVER, user=server.user, server=server.name, groups=groups)
    own = any(
        it.name == ACCESS and it.kind is not Kind.SERVER and it.covers(target)
        for it in visit.me.principal.scopes
    )
    return None if own else Guest(shares)


def ask(visit: Visit, who: Guest, scopes: list[str], action: str) -> Response:
    """Let a guest say whether they want to enter."""
    server = who.shares[0].server
    return visit.pages.draw(
        visit,
        "shared-open.html",
        owner=server.user,
        name=server.display_name or server.name,
        action=action,
        scopes=scopes,
    )
