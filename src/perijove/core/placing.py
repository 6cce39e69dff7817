"""The placement of a server that is new: its home is the owner's own, whatever they were called.

A rename leaves workloads and homes as they are, so a name that is free again may lead to them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from perijove.core.place import Places
from perijove.model.decide import PORT_TAKEN
from perijove.model.placement import Placement
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import User
from perijove.store import servers as store
from perijove.store.database import Database

_RACES = 64


async def placed(
    database: Database, places: Places, user: User, name: str, own: Sequence[Server], attempt: int
) -> Placement:
    """Return the names for the new server `name` of `user`; `attempt` as in core.place.

    `own`: the servers that they have.
    """
    made = places.new(user, name, attempt)
    if _shared(places, user, name):
        if own:
            return replace(made, home=own[0].placement.home)
        taken = set[str]()
    else:
        taken = {server.placement.home for server in own}
    if places.names is None:  # homes are told apart by the id of their owner
        return made
    for more in range(attempt, attempt + _RACES):
        made = places.new(user, name, more)
        if made.home not in taken and not await _kept(database, places, user, made.home):
            break
    return made


def again(places: Places, server: Server, attempt: int) -> Placement:
    """Return where `server` starts next: elsewhere if another program has taken its port."""
    if server.reason and server.reason.code == PORT_TAKEN:
        return places.moved(server.placement, attempt)
    return server.placement


def fresh(id: int, now: datetime, user: User, name: str, placement: Placement) -> Server:
    """Return a server of `user` that was never started."""
    return Server(
        id=id,
        user_id=user.id,
        user=user.name,
        name=name,
        user_options={},
        desired=Desired.STOPPED,
        phase=Phase.STOPPED,
        since=now,
        incarnation=0,
        placement=placement,
    )


def _shared(places: Places, user: User, name: str) -> bool:
    """Return whether all servers of `user` have one home."""
    other = "" if name else "x"
    return places.new(user, name).home == places.new(user, other).home


async def _kept(database: Database, places: Places, user: User, home: str) -> bool:
    """Return whether `home` is that of somebody who was called so once."""
    there = await database.read(store.at_home(home))
    return any(it.user_id != user.id and _given(places, it).home != home for it in there)


def _given(places: Places, server: Server) -> Placement:
    """Return what the names of `server` would be if it were new."""
    return places.new(User(id=server.user_id, name=server.user), server.name)
