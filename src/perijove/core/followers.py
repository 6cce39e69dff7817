"""Followers: the proxies that pull the feed, and how new the table of each is."""

import asyncio
import math
from dataclasses import dataclass, field

_BACK = 1.0
"""Seconds in which a proxy that was answered comes for more; else it has gone."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """The proxies that followed the hub before this one, and come back."""

    seconds: float = 0.0
    """In which they come, from the start."""
    most: float = math.inf
    """How many there are; infinite: nobody knows."""


SOME = Awaited(1.5)
"""A proxy that has lost its hub tries twice a second, or more often."""
ONE = Awaited(SOME.seconds, 1)


@dataclass(slots=True)
class _Follower:
    version: int | None
    """Of the table that it has."""
    left: float | None = None
    """When it was answered, by the loop's clock; None while it waits."""


@dataclass(slots=True)
class Followers:
    """Who follows is known by the connection on which it asks; in a running event loop."""

    _until: float = -math.inf
    """By the loop's clock: before that, proxies may follow that have not come back yet."""
    _expected: float = math.inf
    """How many those are, at most."""
    _known: dict[str, _Follower] = field(default_factory=dict[str, _Follower])
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, awaited: Awaited) -> None:
        """Take no table for known to all before `awaited` have come, or their time is up."""
        self._until, self._expected = _now() + awaited.seconds, awaited.most

    def came(self, who: str, version: int | None) -> None:
        """Note that `who` asks for what is newer than `version`."""
        self._known[who] = _Follower(version)
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def left(self, who: str) -> None:
        """Note that `who` was answered."""
        if it := self._known.get(who):
            it.left = _now()

    async def moved(self) -> None:
        """Wait until one of them comes."""
        await self._bell.wait()

    def count(self) -> int:
        """Return how many there are."""
        self._forget()
        return len(self._known)

    def have(self, version: int) -> bool:
        """Return whether all of them have a table of `version` or newer."""
        self._forget()
        if len(self._known) < self._expected and _now() < self._until:
            return False
        return all((it.version or 0) >= version for it in self._known.values())

    def _forget(self) -> None:
        """Forget those that have not come back."""
        now = _now()
        for who, it in list(self._known.items()):
            if it.left is not None and now - it.left > _BACK:
                del self._known[who]


def _now() -> float:
    return asyncio.get_running_loop().time()
