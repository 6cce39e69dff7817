"""Bells: everybody who listens hears each name that has changed, once."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

_GATHER = 0.02
"""Seconds: a pod that begins changes three times at once, and its events come beside that."""


class Bells:
    """One bell for each listener; what is rung twice before it is heard is heard once."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, dict[str, None]] = {}

    def ring(self, name: str) -> None:
        """Ring for `name`."""
        for rung, names in self._waiting.items():
            names[name] = None
            rung.set()

    async def listen(self, at_first: Iterable[str]) -> AsyncGenerator[str, None]:
        """Yield the names in `at_first`, then whatever is rung for."""
        rung, names = asyncio.Event(), dict.fromkeys(at_first)
        self._waiting[rung] = names
        try:
            while True:
                while names:
                    name = next(iter(names))
                    del names[name]
                    yield name
                rung.clear()
                await rung.wait()
                await asyncio.sleep(_GATHER)
        finally:
            del self._waiting[rung]
