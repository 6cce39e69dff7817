"""Somebody who asks the same questions all the time, and remembers every answer."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import httpx

_EVERY = 0.25


@dataclass
class Witness:
    """What each URL has answered, and when; 0 is no answer."""

    urls: list[str]
    seen: dict[str, list[tuple[float, int]]] = field(
        default_factory=dict[str, list[tuple[float, int]]]
    )

    async def run(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                await asyncio.gather(*(self._ask(client, url) for url in self.urls))
                await asyncio.sleep(_EVERY)

    def answers(self, url: str) -> Counter[int]:
        """Return how often `url` has answered what."""
        return Counter(status for _, status in self.seen.get(url, ()))

    def first(self, url: str, status: int, since: float) -> float | None:
        """Return the seconds from `since` to the first such answer after it."""
        times = (at - since for at, got in self.seen.get(url, ()) if at >= since and got == status)
        return next(times, None)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> None:
        try:
            status = (await client.get(url)).status_code
        except httpx.TransportError:
            status = 0
        self.seen.setdefault(url, []).append((now(), status))


def now() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()
