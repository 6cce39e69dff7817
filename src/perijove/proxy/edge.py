"""Edge: what all connections of one proxy share."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from perijove.proxy.counts import Counts
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.head import Request
from perijove.proxy.log import Log
from perijove.proxy.manner import Manner
from perijove.proxy.pages import Page
from perijove.proxy.referee import Referee
from perijove.proxy.tree import Route, Tree

_ACCEPTED = 0.02
"""Seconds until those that were accepted when listening ended are among the visitors."""
_FAREWELL = 1.0
"""Seconds for the last words of WebSockets to be sent."""


class Apologist(Protocol):
    """Who makes the page for a request that has no answer; `route` is None if nothing leads on."""

    def __call__(self, request: Request, route: Route | None, status: int, /) -> Awaitable[Page]:
        """Return it."""


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
    """The shared state. `apology` makes the page for a target that does not answer, or is none."""

    loop: asyncio.AbstractEventLoop
    table: Tree
    trusted: TrustedPeers
    log: Log
    apology: Apologist
    manner: Manner = field(default_factory=Manner)
    referee: Referee = field(default_factory=Referee)
    visitors: set[Visitor] = field(default_factory=set)
    draining: bool = False
    most_visitors: int = 10_000
    head_seconds: float = 30.0
    counts: Counts = field(init=False)
    certified: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """Makes what targets with TLS are believed by."""
    plain: bool = field(init=False)
    """Whether nothing of a request is rewritten."""
    relocates: bool = field(init=False)
    """Whether Location is rewritten."""
    hsts: int = 0
    """Seconds for which browsers are to come with TLS only (RFC 6797); 0: nothing is said of it."""
    strict: bytes = field(init=False)
    """The field that says so."""
    amends: bool = field(init=False)
    """Whether anything of an answer is rewritten."""

    def __post_init__(self) -> None:
        """Make what is asked for with each request."""
        self.counts = Counts(self.loop.time)
        self.plain, self.relocates = self.manner.plain, self.manner.relocates
        self.strict = b"Strict-Transport-Security: max-age=%d\r\n" % self.hsts if self.hsts else b""
        self.amends = self.relocates or bool(self.strict)
        self.certified = cache(self.certified)  # it reads every authority of the machine

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long."""
        for visitor in list(self.visitors):
            visitor.sweep(now)
        for target in self.table.targets():
            target.sweep(now)

    async def drain(self, seconds: float, *, patient: bool = False) -> None:
        """Let requests finish and tell WebSockets that we go; after `seconds` end the rest.

        `patient`: all go on for as long, and are told then. Whoever has connected but not asked
        yet would otherwise meet a closed door; the next answer says that it was the last.
        """
        self.draining = True
        await asyncio.sleep(_ACCEPTED)
        if patient:
            await self._empty(seconds)
            seconds = _FAREWELL
        for visitor in list(self.visitors):
            visitor.go_away()
        await self._empty(seconds)
        for visitor in list(self.visitors):
            visitor.abandon()
        for target in self.table.targets():
            target.retire()

    async def _empty(self, seconds: float) -> None:
        end = self.loop.time() + seconds
        while self.visitors and self.loop.time() < end:
            await asyncio.sleep(0.02)
            self.sweep(self.loop.time())
