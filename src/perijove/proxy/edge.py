"""Edge: what all connections of one proxy share."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from perijove.proxy.counts import Counts
from perijove.proxy.crowd import Crowd, Visitor
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.head import Request
from perijove.proxy.limits import Limits
from perijove.proxy.log import Log
from perijove.proxy.manner import Manner
from perijove.proxy.pages import Page
from perijove.proxy.referee import Referee
from perijove.proxy.signins import SignIns
from perijove.proxy.tree import Route, Tree

_ACCEPTED = 0.02
"""Seconds until those that were accepted when listening ended are among the visitors."""
_SAID_EVERY = 10.0
"""Seconds until it is said again how many are left."""
_FAREWELL = 1.0
"""Seconds for the last words of WebSockets to be sent."""


class Apologist(Protocol):
    """Who makes the page for a request that has no answer; `route` is None if nothing leads on."""

    def __call__(self, request: Request, route: Route | None, status: int, /) -> Awaitable[Page]:
        """Return it."""


class Late(Protocol):
    """A connection that is being made."""

    def too_late(self) -> None:
        """Give up."""


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
    limits: Limits = field(default_factory=Limits)
    crowd: Crowd = field(init=False)
    sign_ins: SignIns = field(init=False)
    connecting: dict[Late, float] = field(default_factory=dict)
    """When each must be there: a timer of its own would cost as much as the rest of a request."""
    draining: bool = False
    counts: Counts = field(init=False)
    certified: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """Makes what targets with TLS are believed by."""
    shuns: Callable[[str], bool] | None = None
    """Says of the address of a target whether nothing is sent there."""
    dropped: Callable[[], int] = int
    """Says how many lines of the access log could not be written."""
    plain: bool = field(init=False)
    """Whether nothing of a request is rewritten."""
    relocates: bool = field(init=False)
    """Whether Location is rewritten."""
    hsts: int = 0
    """Seconds for which browsers are to come with TLS only (RFC 6797); 0: nothing is said of it."""
    strict: bytes = field(init=False)
    """The field that says so."""

    def __post_init__(self) -> None:
        """Make what is asked for with each request."""
        self.counts = Counts(self.loop.time)
        self.crowd = Crowd(self.limits, self.trusted)
        self.sign_ins = SignIns(self.limits.sign_ins, self.trusted, self.loop.time)
        self.plain, self.relocates = self.manner.plain, self.manner.relocates
        self.strict = b"Strict-Transport-Security: max-age=%d\r\n" % self.hsts if self.hsts else b""
        self.certified = cache(self.certified)  # it reads every authority of the machine

    @property
    def visitors(self) -> set[Visitor]:
        """The open connections of clients."""
        return self.crowd.visitors

    def counted(self) -> Counts:
        """Return what has been counted until now, and what is open."""
        found = Counts()
        found.plus(self.counts.told())
        found.connections = len(self.visitors)
        found.draining, found.dropped = int(self.draining), self.dropped()
        found.idle = sum(len(it.idle) for it in self.table.targets())
        return found

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long."""
        self.crowd.sweep(now)
        for late in [it for it, due in self.connecting.items() if now >= due]:
            late.too_late()
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
        self.crowd.abandon()
        for target in self.table.targets():
            target.retire()

    async def _empty(self, seconds: float) -> None:
        now = said = self.loop.time()
        end = now + seconds
        while self.visitors and now < end:
            await asyncio.sleep(0.02)
            now = self.loop.time()
            self.sweep(now)
            if now - said > _SAID_EVERY:
                said = now
                self.log(logging.INFO, "draining", connections=len(self.visitors))
