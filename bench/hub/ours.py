"""Our hub with a spawner that has no processes.

`python -m bench.hub.ours <data> <values> <stub port>`. What it has started is kept in `world`, so
that a hub that is started again finds it, as it would find processes.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from perijove.cli.box import Box
from perijove.cli.hub import run
from perijove.model.placement import Placement
from perijove.model.signal import Signal
from perijove.model.trash import Label
from perijove.model.workload import GONE, LaunchSpec, Observation, Origin, State
from perijove.settings import load
from perijove.spawners import Devices, Gauge

_NAMES = [it.name for it in fields(Origin)]
_values = attrgetter(*_NAMES)


class StubSpawner:
    """Whatever was started is up, at the address of the one stub."""

    trash = None

    def __init__(self, instance: str, stub: int, world: Path) -> None:
        self._instance = instance
        self._address = f"http://127.0.0.1:{stub}"
        self._world: dict[str, Observation] = {}
        self._bell: asyncio.Queue[str] = asyncio.Queue()
        kept = world.read_text().splitlines() if world.exists() else []
        for name, origin in map(json.loads, kept):
            self._enter(name, Origin(**dict(zip(_NAMES, origin, strict=True))) if origin else None)
        self._kept = world.open("a", buffering=1)

    def _enter(self, name: str, origin: Origin | None) -> None:
        if origin is None:
            self._world.pop(name, None)
        else:
            up = Observation(state=State.UP, origin=origin, address=self._address)
            self._world.setdefault(name, up)
        self._bell.put_nowait(name)

    async def start(self, spec: LaunchSpec) -> None:
        """Enter it."""
        self._enter(spec.name, spec.origin)
        self._kept.write(f"{json.dumps([spec.name, _values(spec.origin)])}\n")

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        """Take it out."""
        del force
        if (await self.poll(name)).incarnation == incarnation:
            self._enter(name, None)
            self._kept.write(f"{json.dumps([name, None])}\n")

    async def poll(self, name: str) -> Observation:
        """Look it up."""
        return self._world.get(name, GONE)

    async def watch(self) -> AsyncIterator[str]:
        """Ring for everything there was, then for what is started and stopped."""
        while True:
            yield await self._bell.get()

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
    data, values = Path(sys.argv[1]), Path(sys.argv[2])
    spawner = partial(StubSpawner, stub=int(sys.argv[3]), world=data / "world")
    run(load(values), Box(data), spawner)
