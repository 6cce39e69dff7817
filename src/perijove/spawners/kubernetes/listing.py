"""Listing: a page of a list, read one object at a time so that the event loop never stalls.

A JSON parser holds the interpreter for as long as it runs, in a thread too: a page of 500 pods
takes it 20 ms and more. So a page is only cut into its objects, which costs a tenth of that; each
is then read, made small and let go, and now and then others get their turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter

from perijove.spawners.kubernetes import wire
from perijove.spawners.kubernetes.errors import Unreachable
from perijove.spawners.kubernetes.trim import Trim
from perijove.spawners.kubernetes.wire import Object

TURN = 0.001
"""Seconds that one turn of the loop may take."""


class Listing:
    """All objects of a list, page by page; `version` is where to watch from, once it is read."""

    def __init__(self, page: Callable[[str], Awaitable[bytes]], trim: Trim | None) -> None:
        """Begin; `page` returns the page that goes on from a token, '' is the first."""
        self.version = ""
        self._page = page
        self._trim = trim or wire.unpack

    async def __aiter__(self) -> AsyncIterator[Object]:
        """Yield what is of use of each object.

        Raises:
            ClusterError: as the API server says; Expired when it took too long.
        """
        token: str | None = ""
        while token is not None:
            body = await self._page(token)
            await asyncio.sleep(0)
            try:
                page = wire.page(body)
                if not page.metadata.resourceVersion:
                    raise Unreachable("the answer is not a list")
                self.version = page.metadata.resourceVersion
                token = page.metadata.continue_ or None
                until = 0.0
                for item in page.items or ():
                    if perf_counter() > until:
                        await asyncio.sleep(0)
                        until = perf_counter() + TURN
                    kept = self._trim(item)
                    if kept:
                        yield kept
            except wire.BROKEN as error:
                raise Unreachable("the answer is not a list") from error
