"""Waits: for how long a program that starts or stops a server waits until that is done.

It is the request that waits, for what the hub tells about the row; the row is written before, so
nothing else waits with it, and nothing is lost when it gives up.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass

from perijove.core.feed import Feed
from perijove.core.progress import Progress
from perijove.model.errors import Failed
from perijove.model.server import Server
from perijove.model.stage import Outcome


@dataclass(slots=True, kw_only=True)
class Waits:
    """What the settings say of it, in seconds; 0: not at all."""

    progress: Progress
    feed: Feed
    for_start: float = 0.0
    for_stop: float = 0.0

    async def ready(self, server: Server) -> bool:
        """Return whether people are led to `server`, as soon as that is known, or in time.

        Raises:
            Failed: its start has failed, with the code of the reason.
        """
        with suppress(TimeoutError, OSError):  # the start goes on whether we can look or not
            async with (
                asyncio.timeout(self.for_start),
                aclosing(self.progress.of(server)) as stages,  # type: ignore[type-var]
            ):
                async for stage in stages:
                    if stage.outcome is Outcome.READY:
                        await self.feed.reach(stage.server)
                        return True
                    if stage.outcome is Outcome.FAILED:
                        why = await self.progress.why(stage.server, stage.message)
                        raise Failed(why.code, **why.params)
        return False

    async def rests(self, server: Server, *, removed: bool) -> bool:
        """Return whether `server` is at rest, or `removed`, as soon as it is, or in time."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(self.for_stop):
                await self.progress.rest(server, removed=removed)
                return True
        return False
