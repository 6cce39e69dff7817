"""Which devices of its machine a server is given: never one that another has, unless shared.

What is given stands in the row from the wish on, and until nothing of the server runs any more:
a server that nobody can see has what it has.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from perijove.kit.section import Section
from perijove.model.device import Device, only
from perijove.model.errors import Busy, Invalid, Refused, Untimely
from perijove.model.server import Server
from perijove.spawners import Devices
from perijove.store import room
from perijove.store.database import Database
from perijove.store.statement import Statement


class DeviceSettings(Section):
    """`gpus`: who may have which GPU of this machine."""

    share: int = Field(default=1, ge=1, le=1000)
    """How many servers may have the same GPU at once."""
    only: tuple[str | int, ...] | None = None
    """UUIDs or numbers of the GPUs that servers may have; unset: all that the machine has."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One device, and the workloads that hold it."""

    device: Device
    workloads: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Allotment:
    """Gives them."""

    database: Database
    devices: Devices | None
    """Those of the place where servers run; None: it sees to them itself."""
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    known: Mapping[str, Device] = field(default_factory=dict[str, Device])
    """Those that were seen last, by id."""

    async def there(self) -> tuple[Device, ...]:
        """Return those that may be given."""
        if self.devices is None:
            return ()
        found = await asyncio.to_thread(self.devices.there)
        self.known = {it.id: it for it in found}
        names = self.settings.only
        return only(found, None if names is None else [str(it) for it in names])

    async def look(self) -> None:
        """Know what there is before somebody asks for it."""
        with suppress(OSError):
            await self.there()

    async def holdings(self) -> list[Holding]:
        """Return those that may be given, and who holds them."""
        if self.devices is None:
            return []
        holders = await self._holders()
        return [
            Holding(it, tuple(sorted(name for name, ids in holders.items() if it.id in ids)))
            for it in await self.there()
        ]

    async def given(self, server: Server, overrides: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the devices for a start of `server` with these overrides.

        Raises:
            Invalid: the machine has not so many, or what is asked for is no number.
            Busy: others have them.
            Untimely: what is left of its last start holds others.
        """
        if self.devices is None:
            return ()
        wanted = self._wanted(overrides)
        if server.devices:
            return await self._kept(server, wanted)
        if not wanted:
            return ()
        there, holders = await self.there(), await self._holders()
        held = Counter(id for key, ids in holders.items() if key != server.key for id in ids)
        return tuple(
            id
            for resource, count in wanted.items()
            for id in self._free(resource, count, there, held)
        )

    async def exists(self, overrides: Mapping[str, Any]) -> bool:
        """Return whether the machine has what these overrides ask for, be it in use or not."""
        try:
            wanted = self._wanted(overrides) if self.devices else {}
        except Invalid:
            return False
        there = Counter(it.resource for it in await self.there()) if wanted else Counter[str]()
        return all(there[resource] >= count for resource, count in wanted.items())

    def confirmed(self, server: Server) -> Sequence[Statement[None]]:
        """Return what the transaction of a wish requires; Stale if others were faster."""
        if not server.devices:
            return ()
        share = self.settings.share
        return room.one_by_one(), *(room.few_holders(it, share) for it in server.devices)

    def _wanted(self, overrides: Mapping[str, Any]) -> Mapping[str, int]:
        assert self.devices is not None
        try:
            return self.devices.wanted(overrides)
        except Refused as error:
            raise Invalid(error.code, **error.params) from error

    async def _kept(self, server: Server, wanted: Mapping[str, int]) -> tuple[str, ...]:
        """Return what `server` holds still, if that is what it asks for."""
        await self.there()
        kinds = Counter(self.known[it].resource for it in server.devices if it in self.known)
        if kinds != Counter(wanted) or kinds.total() != len(server.devices):
            raise Untimely("pending-stop", server=f"{server.user}/{server.name}")
        return server.devices

    async def _holders(self) -> Mapping[str, frozenset[str]]:
        """Return what every workload holds: by its row, or as the place says that knows more."""
        assert self.devices is not None
        rows = await self.database.read(room.holding())
        seen = await asyncio.to_thread(self.devices.held)
        return {
            key: frozenset([*rows.get(key, ()), *seen.get(key, ())]) for key in {**rows, **seen}
        }

    def _free(
        self, resource: str, count: int, there: Sequence[Device], held: Mapping[str, int]
    ) -> list[str]:
        of_kind = [it.id for it in there if it.resource == resource]
        told: dict[str, str | int] = {
            "resource": resource, "wanted": count, "count": len(of_kind)
        }  # fmt: skip
        if len(of_kind) < count:
            code = "devices-too-few" if of_kind else "devices-none"
            raise Invalid(code, **told)
        free = [it for it in of_kind if held.get(it, 0) < self.settings.share]
        if len(free) < count:
            code = "devices-few-free" if free else "devices-in-use"
            raise Busy(code, free=len(free), **told)
        return sorted(free, key=lambda it: held.get(it, 0))[:count]
