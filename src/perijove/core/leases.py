"""Leases: which servers this hub drives, where several hubs share a database.

Every hub says again and again that it lives (its beat). The others see the beat change; they
compare no wall clocks. One whose beat stands still for `patience` is taken for dead, and its
shards are free. A hub believes in its own shards for less long than the others do, counted
from before it last said that it lives: one that was stopped, or that lost the database, takes
no further step. Whatever was under way is harmless: rows are changed by their version, and
workloads are started and stopped by their incarnation.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from perijove.core.absence import Absence
from perijove.kit.clock import steadily
from perijove.model.errors import Stale
from perijove.model.shard import SHARDS, shard_of
from perijove.store import replicas, shards
from perijove.store.database import Database
from perijove.store.replicas import Replica
from perijove.store.shards import Shard

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a hub says that it lives, and how long one is believed to; in seconds."""

    beat: float = 1.5
    believed: float = 3.5
    """After the last beat, by the hub itself."""
    patience: float = 4.5
    """The same, by the others."""


class Leases(Protocol):
    """Says which servers this hub drives."""

    gained: asyncio.Event
    """Set whenever there are more of them."""

    def holds(self, key: str) -> bool:
        """Return whether this hub drives the server whose workload is called `key`, now."""
        ...

    def had(self, key: str) -> bool:
        """Return whether it did when that was last known: it may have lost the database since."""
        ...

    def pass_on(self, key: str) -> None:
        """Tell who drives the server of workload `key` that its row was changed here."""

    def count(self) -> int:
        """Return how many of the 64 shards it has."""
        ...

    async def run(self) -> None:
        """Keep them until cancelled; then let others have them at once."""


@dataclass(slots=True)
class Alone:
    """No other hub can open this database: all servers are this one's."""

    gained: asyncio.Event = field(default_factory=asyncio.Event)

    def holds(self, key: str) -> bool:
        """Return True."""
        del key
        return True

    def had(self, key: str) -> bool:
        """Return what `holds` does."""
        return self.holds(key)

    def pass_on(self, key: str) -> None:
        """Tell nobody."""

    def count(self) -> int:
        """Return all."""
        return SHARDS

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.Event().wait()


@dataclass(slots=True, kw_only=True)
class Shared:
    """One hub among others."""

    database: Database
    me: Replica
    """A former self is told by its name."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    steady: Callable[[], float] = steadily
    tell: Callable[[str], None] = lambda _: None
    """Tells a key to the others."""
    gained: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _absence: Absence = field(init=False, default_factory=lambda: Absence("hub"))
    _held: frozenset[int] = field(init=False, default=frozenset())
    _until: float = field(init=False, default=-inf)
    _seen: dict[int, tuple[int, float]] = field(
        init=False, default_factory=dict[int, tuple[int, float]]
    )
    """Of every other hub: its beat, and since when it is that."""

    def holds(self, key: str) -> bool:
        """Return whether the shard of `key` is this hub's, and this hub believed to live."""
        return shard_of(key) in self._held and self.steady() < self._until

    def had(self, key: str) -> bool:
        """Return whether the shard of `key` was this hub's at its last turn."""
        return shard_of(key) in self._held

    def pass_on(self, key: str) -> None:
        """Tell the others, one of whom drives it."""
        self.tell(key)

    def count(self) -> int:
        """Return how many shards it has."""
        return len(self._held) if self.steady() < self._until else 0

    async def run(self) -> None:
        """Keep them until cancelled."""
        try:
            while True:
                try:
                    await self.turn()
                    self._absence.over(self.me.name)
                except OSError as error:
                    self._seen.clear()  # what could not be watched was not seen to stand still
                    self._absence.wait(self.me.name, error)
                except Exception:
                    self._seen.clear()
                    logger.exception("cannot say that this hub lives; trying again")
                await asyncio.sleep(self.rhythm.beat)
        finally:
            self._held = frozenset()
            with suppress(OSError):
                await self.database.write(shards.free(self.me.id), replicas.remove(self.me.id))

    async def turn(self) -> None:
        """Say that this hub lives, bury the dead, and take its share."""
        began = self.steady()
        await self._say()
        known = await self.database.read(replicas.every_one())
        for one in self._dead(known):
            await self._bury(one)
        # The table first: whoever has a shard in it came before, so is known unless it is gone.
        table = await self.database.read(shards.every_one())
        known = await self.database.read(replicas.every_one())
        table = await self._balance(table, {it.id for it in known})
        self._hold({it.id for it in table if it.replica == self.me.id})
        self._until = began + self.rhythm.believed

    async def _say(self) -> None:
        try:
            await self.database.write(replicas.beat(self.me.id))
        except Stale:  # it is new, or was taken for dead
            await self.database.write(shards.free(self.me.id), replicas.add(self.me))
            logger.info("hub %s shares its database from now on", self.me.name)

    def _dead(self, known: Sequence[Replica]) -> list[Replica]:
        now, found = self.steady(), []
        for one in known:
            if one.id == self.me.id:
                continue
            beat, since = self._seen.get(one.id, (-1, now))
            self._seen[one.id] = (one.beat, since if beat == one.beat else now)
            former = one.name == self.me.name and one.id < self.me.id
            if former or now - self._seen[one.id][1] > self.rhythm.patience:
                found.append(one)
        for gone in self._seen.keys() - {it.id for it in known}:
            del self._seen[gone]
        return found

    async def _bury(self, one: Replica) -> None:
        with suppress(Stale):  # it lives, or another was faster
            await self.database.write(replicas.bury(one), shards.free(one.id))
            logger.warning("hub %s is gone; others go on with its servers", one.name)

    async def _balance(self, table: Sequence[Shard], living: Collection[int]) -> list[Shard]:
        """Take what is free up to an even share, or let go of what is more; return the table."""
        share = -(-SHARDS // len(living))
        ours = [it for it in table if it.replica == self.me.id]
        free = [it for it in table if it.replica is None or it.replica not in living]
        # Each begins at another place, so that few want the same one when many are free at once.
        begin = len(free) * sum(it < self.me.id for it in living) // len(living)
        free = free[begin:] + free[:begin]
        moves: list[tuple[Shard, int | None]]
        moves = [(it, self.me.id) for it in free[: max(0, share - len(ours))]]
        moves += [(it, None) for it in ours[share:]]
        made = dict[int, Shard]()
        for shard, whose in moves:
            with suppress(Stale):  # another was faster
                await self.database.write(shards.give(shard, whose))
                made[shard.id] = Shard(shard.id, whose, shard.epoch + 1)
        return [made.get(it.id, it) for it in table]

    def _hold(self, held: set[int]) -> None:
        more = held - self._held if self.steady() < self._until else held
        if held != self._held:
            logger.info("hub %s drives %d of %d shards", self.me.name, len(held), SHARDS)
        self._held = frozenset(held)
        if more:
            self.gained.set()
