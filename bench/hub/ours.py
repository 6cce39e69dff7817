"""Our hub with a spawner that has no processes: `python -m bench.hub.ours <data> <stub port>`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from perijove.cli.box import Box
from perijove.cli.hub import run
from perijove.model.placement import Placement
from perijove.model.signal import Signal
from perijove.model.trash import Label
from perijove.model.workload import GONE, LaunchSpec, Observation, State
from perijove.settings import load
from perijove.spawners import Devices, Gauge


class StubSpawner:
    """Whatever was started is up, at the address of the one stub."""

    trash = None

    def __init__(self, instance: str, stub: int) -> None:
        self._instance = instance
        self._address = f"http://127.0.0.1:{stub}"
        self._world: dict[str, Observation] = {}

    async def start(self, spec: LaunchSpec) -> None:
        """Enter it."""
        up = Observation(state=State.UP, origin=spec.origin, address=self._address)
        self._world.setdefault(spec.name, up)

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        """Take it out."""
        del force
        if (await self.poll(name)).incarnation == incarnation:
            self._world.pop(name, None)

    async def poll(self, name: str) -> Observation:
        """Look it up."""
        return self._world.get(name, GONE)

    async def watch(self) -> AsyncIterator[str]:
        """Ring for nothing: it changes by itself never."""
        for name in self._world:
            yield name
        await asyncio.Event().wait()

    devices: Devices | None = None
    gauge: Gauge | None = None

    def renew(self, traits: Mapping[str, Any]) -> None:
        """Take no limits."""

    async def logs(self, name: str, tail: int = 65536) -> str:
        """Return nothing: the stub keeps none."""
        del name, tail
        return ""

    async def events(self, name: str) -> list[Signal]:
        """Return none."""
        del name
        return []

    async def ensure_storage(self, spec: LaunchSpec) -> None:
        """Need none."""

    async def remove_storage(self, placement: Placement, label: Label) -> None:
        """Have none."""


if __name__ == "__main__":
    stub_port = int(sys.argv[2])
    run(load(None), Box(Path(sys.argv[1])), partial(StubSpawner, stub=stub_port))
