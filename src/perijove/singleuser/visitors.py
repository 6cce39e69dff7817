"""Who is visiting: the hub's answers, asked again every half second, kept for when it is away.

So a revoked token is refused within a second, of which the hub takes half (core.memory); and a
hub that is stopped for hours costs nobody a kernel or a page: an identity that the hub has
confirmed goes on until the hub says otherwise.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from perijove.kit.clock import Clock
from perijove.singleuser.hub import Away, Strange
from perijove.singleuser.visitor import Visitor

FRESH = timedelta(seconds=0.5)
"""How long an answer is taken for true without asking again."""
STALE = timedelta(hours=12)
"""How long a confirmed identity lasts while the hub cannot be asked."""
_LOOK = 1.0
"""Seconds between two looks for a hub that is away."""
_MOST = 2048
"""Answers kept; the longest unused goes first."""
_SOON, _PATIENT = 2.0, 15.0
"""Seconds to wait for the hub: with an older answer at hand, and without one."""

Key = tuple[str, str]
"""Session id and sha256 of the token: another session id is another question (hub.md 1.6)."""


class Desk(Protocol):
    """What is asked of the hub."""

    async def visitor(self, token: str, *, timeout: float) -> Visitor | None:  # noqa: ASYNC109
        """Return whose `token` is."""

    async def greet(self) -> str | None:
        """Return if the hub is there, else raise."""


@dataclass(frozen=True, slots=True)
class _Answer:
    visitor: Visitor | None
    at: datetime


class Visitors:
    """Tells whose a token is. One per server."""

    def __init__(
        self,
        hub: Desk,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._sleep = sleep
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()
        self._asking: dict[Key, asyncio.Task[Visitor | None]] = {}
        self._lookout: asyncio.Task[None] | None = None

    async def of(self, token: str, session: str) -> Visitor | None:
        """Return whose `token` is; None: nobody's.

        Raises:
            Away, Strange: the hub cannot tell, and has not told in the last hours.
        """
        key = (session, hashlib.sha256(token.encode()).hexdigest())
        known = self._answers.get(key)
        if known and self._clock() - known.at < FRESH:
            self._answers.move_to_end(key)
            return known.visitor
        if self._away and (kept := self._kept(key)):
            return kept
        if key not in self._asking:
            task = asyncio.create_task(self._ask(key, token))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(self._asking[key])

    def forget(self, token: str, session: str) -> None:
        """Ask the hub anew when this one comes again: it has signed out."""
        self._answers.pop((session, hashlib.sha256(token.encode()).hexdigest()), None)

    async def close(self) -> None:
        """Stop looking out."""
        tasks = [*self._asking.values(), *([self._lookout] if self._lookout else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _away(self) -> bool:
        return self._lookout is not None and not self._lookout.done()

    def _kept(self, key: Key) -> Visitor | None:
        """Return the last answer, if it is good enough while the hub cannot be asked."""
        known = self._answers.get(key)
        return known.visitor if known and self._clock() - known.at < STALE else None

    async def _ask(self, key: Key, token: str) -> Visitor | None:
        kept = self._kept(key)
        try:
            visitor = await self._hub.visitor(token, timeout=_SOON if kept else _PATIENT)
        except (Away, Strange) as error:
            if isinstance(error, Away) and not self._away:
                self._lookout = asyncio.create_task(self._look_out())
            if kept is None:
                raise
            return kept
        self._answers[key] = _Answer(visitor, self._clock())
        self._answers.move_to_end(key)
        while len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        return visitor

    async def _look_out(self) -> None:
        """Return when the hub is back; until then no request has to wait to find out."""
        while True:
            await self._sleep(_LOOK)
            try:
                await self._hub.greet()
            except (Away, Strange):
                continue
            return
