"""An ordeal: a cluster that cannot be reached for a while, what is asked meanwhile, the verdict."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from perijove.kit.tasks import in_background
from tests.cluster.chaos.lab import Lab
from tests.cluster.chaos.verdict import ended
from tests.cluster.chaos.witness import Witness, now

RED, GREEN, SOON = 30.0, 5.0, 30.0
"""Seconds: until health is red, until it is green again, until a wish is carried out."""
_LEAVES = "leaves"


@dataclass(kw_only=True)
class Ordeal:
    """One of them; `run` ends with its figures, or fails."""

    lab: Lab
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]
    seconds: float
    running: int
    starts: int
    kills: int = 0
    red: bool = True
    """Whether health must have been red meanwhile."""
    soon: float = SOON
    """Seconds until what was asked for is ready, which is not for the hub alone to say."""
    figures: list[str] = field(default_factory=list[str], init=False)

    async def run(self) -> str:
        """Go through it; return what it was, and what it has cost."""
        running = [f"r{n}" for n in range(self.running)]
        late = [f"late{n}" for n in range(self.starts)]
        await self._live(running, late)
        routes = [f"{self.lab.proxy_url}/user/{user}/api" for user in running]
        await self.lab.until("every route leads to its server", lambda: self._routed(routes))
        async with AsyncExitStack() as stack:
            # As many that ask at once as would have to wait for one another if they were more.
            witness = Witness([*routes[:20], self._health, f"{self._health}/live"])
            await stack.enter_async_context(in_background(witness.run()))
            await self._endure(late, witness)
            await asyncio.sleep(1)
        self._judge(witness)
        await self._count(running, late)
        await ended(self.lab, [*running, *late])
        return (
            f"{self.seconds:.0f} s, {len(running)} running, {len(late)} starts and 1 stop asked"
            f" meanwhile, {self.kills} x kill -9: 0 lost, 0 doubled, 0 orphaned, 0 touched;\n   "
            f" {', '.join(self.figures)}"
        )

    @property
    def _health(self) -> str:
        return f"{self.lab.hub_url}/hub/health"

    async def _live(self, running: list[str], late: list[str]) -> None:
        await self.lab.enter(*running, *late, _LEAVES)
        await self.lab.start(*running, _LEAVES)
        await self.lab.ready(*running, _LEAVES, seconds=60 + len(running) * 3)

    async def _routed(self, routes: list[str]) -> bool:
        return all([(await self.lab.client.get(url)).status_code == 200 for url in routes])

    async def _endure(self, late: list[str], witness: Witness) -> None:
        lab = self.lab
        lines, requests = lab.hub.lines(), sum(lab.faults.counted.values())
        until = now() + self.seconds
        await self.begin()
        await asyncio.sleep(2)
        await lab.start(*late)
        assert await lab.ask("DELETE", _LEAVES) in {202, 204}
        for _ in range(self.kills):
            await asyncio.sleep(self.seconds / 40)
            await lab.reborn()
        if self.red:  # a hub that was born in the middle of it is red as much later
            until = max(until, now() + RED + 6)
        cpu, began = lab.hub.cpu(), now()
        await asyncio.sleep(until - now())
        requests, lines = sum(lab.faults.counted.values()) - requests, lab.hub.lines() - lines
        used = (lab.hub.cpu() - cpu) / (now() - began)
        red = witness.seen[self._health][-1][1] == 503
        memory = lab.hub.memory()
        await self.end()
        await self._recover(late, witness, red=red)
        self.figures += [f"{requests} requests and {lines} lines of log meanwhile"]
        self.figures += [f"{memory:.0f} MiB", f"{used:.1%} of a core"]

    async def _recover(self, late: list[str], witness: Witness, *, red: bool) -> None:
        over = now()
        await self.lab.until("the cluster is asked", lambda: self._asked(late), SOON)
        asked = now() - over
        await self.lab.stopped(_LEAVES, seconds=SOON)
        await self.lab.ready(*late, seconds=self.soon)
        took = now() - over
        if red:
            await asyncio.sleep(max(0.0, GREEN + 1 - took))
            green = witness.first(self._health, 200, over)
            assert green is not None
            assert green <= GREEN
            self.figures.append(f"well after {green:.1f} s")
        self.figures.append(f"pods asked for after {asked:.1f} s")
        self.figures.append(f"wishes carried out after {took:.1f} s")

    async def _asked(self, late: list[str]) -> bool:
        return {f"jupyter-{user}" for user in late} <= set(await self.lab.pods())

    def _judge(self, witness: Witness) -> None:
        """Nobody who works has noticed, and whoever watches over the hub has."""
        killed = {0} if self.kills else set[int]()
        for url in witness.urls:
            if not url.startswith(self._health):
                assert set(witness.answers(url)) == {200}, url
        assert set(witness.answers(f"{self._health}/live")) <= {200, *killed}
        health = witness.answers(self._health)
        assert set(health) <= {200, 503, *killed}
        assert (health[503] > 0) is self.red

    async def _count(self, running: list[str], late: list[str]) -> None:
        census = self.lab.census
        await census.look()
        assert census.doubled() == []
        assert census.touched() == [f"jupyter-{_LEAVES}"]
        assert census.left() == sorted(f"jupyter-{user}" for user in [*running, *late])
