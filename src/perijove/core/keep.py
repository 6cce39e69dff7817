"""Keeper: the end of a workload's log and why it ended, before they may be removed."""

from dataclasses import dataclass, field

from perijove.kit.clock import Clock
from perijove.kit.storable import stored_as
from perijove.model.server import Phase, Server
from perijove.model.signal import Signal
from perijove.model.workload import Observation, State
from perijove.spawners import Spawner
from perijove.store import remains
from perijove.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps what is left of each start once: an end may take many looks."""

    database: Database
    spawner: Spawner
    clock: Clock
    kept: dict[str, tuple[int, int | None]] = field(
        default_factory=dict[str, tuple[int, int | None]]
    )
    """Of each server that ends: which incarnation is kept, with which exit code."""

    async def keep(self, server: Server, seen: Observation) -> None:
        """Write down what is left of `seen`, unless it was asked to end and has not yet."""
        if seen.state is not State.EXITED and server.phase is not Phase.FAILED:
            return  # it will be looked at again
        this = (seen.incarnation, seen.exit_code)
        if self.kept.get(server.key) == this:
            return
        left = remains.Remains(
            server_id=server.id,
            incarnation=seen.incarnation,
            at=self.clock(),
            exit_code=seen.exit_code,
            log=stored_as(await self._log(server.key)),
            events=await self._events(server.key),
        )
        await self.database.write(*remains.keep(left))
        self.kept[server.key] = this

    def forget(self, key: str) -> None:
        """Forget a server that has come to rest, or whose end could not be asked for."""
        self.kept.pop(key, None)

    async def _log(self, key: str) -> str:
        """Return its log; a machine that is lost keeps it, and must not keep the server as well."""
        try:
            return await self.spawner.logs(key)
        except OSError:
            return ""

    async def _events(self, key: str) -> tuple[Signal, ...]:
        try:
            return tuple(await self.spawner.events(key))
        except OSError:
            return ()
