"""Follower: one list, then one watch after the other, for as long as the hub lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from random import uniform
from time import perf_counter
from typing import Protocol, TypeVar

from perijove.kit.backoff import Backoff
from perijove.spawners.kubernetes.cluster import PAGE, Cluster
from perijove.spawners.kubernetes.doubt import Doubt
from perijove.spawners.kubernetes.errors import (
    ClusterError,
    Expired,
    Forbidden,
    Silent,
    Throttled,
    Unreachable,
)
from perijove.spawners.kubernetes.interest import Interest
from perijove.spawners.kubernetes.listing import TURN
from perijove.spawners.kubernetes.wire import Object

logger = logging.getLogger(__name__)

_ASK_FOR_RIGHTS = 30.0
_CEILING = 3.0
"""Seconds between tries, at most: who comes back is to be noticed within five."""
_AFTER_A_BUG = 10.0
_BRIEF = 1.0


class Taker(Protocol):
    """Takes in what the cluster says of one kind."""

    def writes(self) -> int:
        """Return how much we have written; a list that is asked for now is at least as new."""
        ...

    def listed(self, object: Object, asked: int) -> None:
        """Take in an object of a list; `asked` is what writes() was before."""
        ...

    def names(self) -> list[str]:
        """Return the names that are known."""
        ...

    def absent(self, name: str, asked: int) -> None:
        """Take in that a list lacks `name`."""
        ...

    def see(self, type: str, object: Object) -> None:
        """Take in an event of a watch."""
        ...

    def overdue(self) -> bool:
        """Return whether it is time to list again, whatever the watch says."""
        ...


class Follower:
    """Follows one kind; says how well it is known."""

    def __init__(
        self,
        cluster: Cluster,
        interest: Interest,
        taker: Taker,
        alarm: "Callable[[Follower], None]",
    ) -> None:
        """Begin; `alarm` is called when the watch has missed something: others may have as well."""
        self.interest = interest
        self.doubt = Doubt(interest.most_silence)
        self.listed = asyncio.Event()
        """Set when it has been listed once, or is off."""
        self.off = ""
        """Why it is not followed, in the words of the API server."""
        self.why = "it has not been read yet."
        self._cluster = cluster
        self._taker = taker
        self._alarm = alarm
        self._version = ""
        self._standing = False
        self._sign = self._rose = self._fell = asyncio.get_running_loop().time()
        self._backoff = Backoff(base=0.25, ceiling=_CEILING)
        self._read_at = 0.0
        self._again = asyncio.Event()

    @property
    def stale(self) -> float:
        """Return for how many seconds no watch has stood; 0 while one does."""
        return 0.0 if self._standing or self.off else _now() - self._fell

    @property
    def quiet(self) -> float:
        """Return for how many seconds nothing was heard, be it a bookmark."""
        return _now() - self._sign

    def again(self) -> None:
        """Try at once: the API server is back."""
        self._again.set()

    async def run(self) -> None:
        """Follow until cancelled, or until it is off."""
        while not self.off:
            began = _now()
            try:
                if not self._version:
                    await self._list()
                if await self.doubt.patiently(self._watch()):
                    self._version = ""
                if _now() - began < _BRIEF:
                    raise Unreachable("the watch ends as soon as it begins")
                self._backoff.forget("")
            except Expired:
                self._fall()
                self._version = ""
                await self._wait_to_list()
            except Silent:  # some API servers have nothing to say when nothing changes
                self._fall()
                self.doubt.silent()
            except ClusterError as error:
                if _now() - began > _CEILING:
                    self._backoff.forget("")
                await self._fail(error)
            except Exception:
                logger.exception("cannot read %s; listing again", self.interest.kind.plural)
                self._fall()
                self._version = ""
                await self._wait_after(_AFTER_A_BUG)

    async def _list(self) -> None:
        try:
            await self._read(PAGE)
        except Expired:  # it took longer than the API server remembers
            await self._read(0)
        self._alive()
        self.listed.set()

    async def _read(self, limit: int) -> None:
        """List in pages; each object is let go before the next."""
        it, asked, there = self.interest, self._taker.writes(), set[str]()
        listing = self._cluster.listing(
            it.kind, labels=it.labels, fields=it.fields, limit=limit, trim=it.trim
        )
        async for object in listing:
            there.add(object["metadata"]["name"])
            self._taker.listed(object, asked)
        async for name in _in_turns([it for it in self._taker.names() if it not in there]):
            self._taker.absent(name, asked)
        self._version, self._read_at = listing.version, _now()

    async def _watch(self) -> None:
        """Take in what changes, until the watch ends by itself."""
        it = self.interest
        watch = self._cluster.watch(
            it.kind,
            since=self._version,
            labels=it.labels,
            fields=it.fields,
            silence=it.most_silence,
        )
        async with aclosing(watch) as events:
            until, began = perf_counter() + TURN, None
            async for event in events:
                began = began or _now()
                self._alive()
                if perf_counter() > until:  # what has come already is read without a pause
                    await asyncio.sleep(0)
                    until = perf_counter() + TURN
                if event.type != "BOOKMARK":
                    if self.doubt.heard(began):
                        self._alarm(self)
                    object = it.trim(event.text)
                    if object is not None:
                        self._taker.see(event.type, object)
                self._version = event.version
                if self._taker.overdue():
                    self._version = ""
                    return

    def _fall(self) -> None:
        """No watch stands from now on: until now it did, however quiet it was.

        One that was only opened, to say that we know too little, has not stood.
        """
        if self._standing and _now() - self._rose >= _BRIEF:
            self._fell = _now()
        self._standing = False

    def _alive(self) -> None:
        if not self._standing and self.why and self.listed.is_set():
            logger.info("%s are followed again", self.interest.kind.plural)
        if not self._standing:
            self._rose = _now()
        self._standing, self._sign, self.why = True, _now(), ""

    async def _fail(self, error: ClusterError) -> None:
        """Wait before the next try, or give up what we have no right to."""
        wait = 0.0
        if isinstance(error, Forbidden):
            if self.interest.optional:
                self._fall()
                self.off = str(error)
                self.listed.set()
                return
            wait = _ASK_FOR_RIGHTS
        if isinstance(error, Throttled):
            wait = error.retry_after
        if self._standing or self.why != str(error):
            logger.warning("cannot follow %s: %s", self.interest.kind.plural, error)
        self._fall()
        self.why = str(error)
        await self._wait_after(wait)

    async def _wait_to_list(self) -> None:
        """Wait only if the last list has not helped for long: the API server is there."""
        if _now() - self._read_at > _CEILING:
            self._backoff.forget("")
        else:
            await self._wait_after(0.0)

    async def _wait_after(self, least: float) -> None:
        """Wait `least` seconds, and longer with each failure; not all at the same time."""
        wait = max(self._backoff.next(""), least)
        self._again.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait * uniform(1.0, 1.5)):  # noqa: S311 - no secret
                await self._again.wait()


_T = TypeVar("_T")


async def _in_turns(things: Iterable[_T]) -> AsyncIterator[_T]:
    """Yield each; others get their turn meanwhile."""
    until = perf_counter() + TURN
    for thing in things:
        yield thing
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + TURN


def _now() -> float:
    return asyncio.get_running_loop().time()
