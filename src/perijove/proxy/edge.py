"""Edge: what all connections of one proxy share."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.head import Request
from perijove.proxy.log import Log
from perijove.proxy.pages import Page
from perijove.proxy.referee import Referee
from perijove.proxy.table import Route, Table


class Visitor(Protocol):
    """A client's connection, as the sweep and the end see it."""

    def sweep(self, now: float) -> None:
        """Look at the clock."""

    def go_away(self) -> None:
        """Finish what is running, then close."""

    def abandon(self) -> None:
        """Close now."""


@dataclass(slots=True, kw_only=True)
class Edge:
    """The shared state. `apology` makes the page for a target that does not answer."""

    loop: asyncio.AbstractEventLoop
    table: Table
    trusted: TrustedPeers
    log: Log
    apology: Callable[[Request, Route, int], Awaitable[Page]]
    referee: Referee = field(default_factory=Referee)
    visitors: set[Visitor] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False
    most_visitors: int = 10_000
    head_seconds: float = 30.0

    def sweep(self) -> None:
        """Close what has been silent for too long."""
        now = self.loop.time()
        for visitor in list(self.visitors):
            visitor.sweep(now)
        for target in self.table.targets():
            target.sweep(now)

    async def drain(self, seconds: float) -> None:
        """Let requests finish, tell WebSockets that we go; after `seconds` end the rest."""
        self.draining = True
        for visitor in list(self.visitors):
            visitor.go_away()
        end = self.loop.time() + seconds
        while self.visitors and self.loop.time() < end:
            await asyncio.sleep(0.02)
            self.sweep()
        for visitor in list(self.visitors):
            visitor.abandon()
        for target in self.table.targets():
            target.retire()
