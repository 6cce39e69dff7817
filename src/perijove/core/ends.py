"""Ends: when a server will be stopped because nobody uses it, and how its owner has it longer."""

from dataclasses import dataclass, field

from perijove.core.activity import Activity
from perijove.kit.clock import Clock
from perijove.model.errors import Stale, Untimely
from perijove.model.idle import End, Lifetime, end
from perijove.model.server import Desired, Phase, Server
from perijove.store import activity as store
from perijove.store.database import Database


@dataclass(slots=True, kw_only=True)
class Ends:
    """Says it and changes it; core.cull carries it out."""

    database: Database
    clock: Clock
    activity: Activity
    lifetime: Lifetime = field(default_factory=Lifetime)

    def of(self, server: Server) -> End | None:
        """Return when `server` will be stopped, as far as is known now; None: it will not be."""
        if server.phase is not Phase.RUNNING or server.desired is not Desired.RUNNING:
            return None
        return end(server, self.activity.use(server), self.lifetime, self.clock())

    def soon(self, server: Server) -> End | None:
        """Return the same, if it is so soon that its owner is told."""
        ends = self.of(server)
        return ends if ends and ends.at - self.clock() <= self.lifetime.warn else None

    async def extend(self, server: Server) -> End:
        """Let its owner have a server for as long as they may, used or not.

        Raises:
            Untimely: it does not run, ends for another reason, or is extended already.
        """
        ends = self.of(server)
        if ends is None:
            raise Untimely("nothing-to-extend")
        if ends.latest is None:
            raise Untimely("extended", at=ends.at.timestamp())
        try:
            await self.database.write(store.keep(server.id, ends.latest))
        except Stale:
            raise Untimely("nothing-to-extend") from None
        return End(ends.latest, ends.code, ends.since)
