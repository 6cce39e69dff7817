"""Visits: administrators who opened the server of somebody else, for its owner to see."""

from dataclasses import dataclass
from datetime import timedelta

from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.storable import stored_as
from perijove.model.server import Server
from perijove.model.user import User
from perijove.model.visit import Visit
from perijove.store import visits as store
from perijove.store.database import Database

_WHY = 255
SAME_VISIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Writes them down and tells them."""

    database: Database
    clock: Clock
    ids: Ids

    async def add(self, server: Server, visitor: User, why: str = "") -> Visit | None:
        """Write down that `visitor` opens `server`; None if they own it, or have just come."""
        if visitor.id == server.user_id:
            return None
        now = self.clock()
        for known in await self.of_owner_id(server.user_id):
            same = (known.server_id, known.visitor) == (server.id, visitor.name)
            if same and abs(now - known.at) < SAME_VISIT:  # the wall may have been set back
                return None
        visit = Visit(
            id=self.ids(),
            server_id=server.id,
            server=server.name,
            owner_id=server.user_id,
            visitor=visitor.name,
            why=stored_as(why)[:_WHY],
            at=now,
        )
        await self.database.write(store.add(visit, visitor.id))
        return visit

    async def of_owner(self, user: User) -> list[Visit]:
        """Return the visits to servers of `user`, the latest first."""
        return await self.of_owner_id(user.id)

    async def of_owner_id(self, owner_id: int) -> list[Visit]:
        """Return the visits to servers of the user whose id it is."""
        return await self.database.read(store.of_owner(owner_id))
