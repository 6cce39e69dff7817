"""Ending: write that a server is to end, with the phase that this leads to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from perijove.model.decide import Enter, ending
from perijove.model.server import Desired, Server
from perijove.store import servers
from perijove.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Writes both as the reconciler would, so that a stop costs one commit less."""

    database: Database
    enter: Callable[[Server, Enter], Awaitable[Server]]
    """Writes a row in its next phase; core.reconcile."""

    async def __call__(self, was: Server, desired: Desired) -> Server:
        """Write that `was`, a row, is to be `desired`; return the new row.

        Raises:
            Stale: somebody else has changed it meanwhile.
        """
        wish = replace(was, desired=desired)
        if step := ending(wish):
            return await self.enter(wish, step)
        new = replace(wish, version=was.version + 1)
        await self.database.write(servers.change(was, new))
        return new
