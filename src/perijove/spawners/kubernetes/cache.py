"""Cache: what is in our namespace, kept in memory by one list and one watch a kind."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

from perijove.spawners.kubernetes.bells import Bells
from perijove.spawners.kubernetes.cluster import CLAIMS, EVENTS, PODS, Cluster, Kind
from perijove.spawners.kubernetes.errors import Unreachable
from perijove.spawners.kubernetes.follow import Follower
from perijove.spawners.kubernetes.interest import Interest
from perijove.spawners.kubernetes.outage import Outage
from perijove.spawners.kubernetes.shelf import Shelf
from perijove.spawners.kubernetes.told import Told
from perijove.spawners.kubernetes.wire import Object, pack

STALE = 30.0
"""Seconds without a standing watch, after which what is kept is no longer believed."""
_UNSHOWN = 60.0
_KINDS = {"Pod": PODS, "PersistentVolumeClaim": CLAIMS}


class _Objects:
    """Takes in objects of one kind."""

    def __init__(self, interest: Interest, ring: Callable[[str], None]) -> None:
        self.shelf = Shelf()
        self._rings = interest.rings
        self._ring = ring

    def writes(self) -> int:
        return self.shelf.writes

    def listed(self, object: Object, asked: int) -> None:
        if self.shelf.listed(object, asked):
            self._ring(self._rings(object))

    def names(self) -> list[str]:
        return self.shelf.names()

    def absent(self, name: str, asked: int) -> None:
        object = self.shelf.get(name)
        if object is not None and self.shelf.absent(name, asked):
            self._ring(self._rings(object))

    def see(self, type: str, object: Object) -> None:
        if self.shelf.see(type, object):
            self._ring(self._rings(object))

    def overdue(self) -> bool:
        return self.shelf.overdue(_now() - _UNSHOWN)


class _Events:
    """Takes in events, which are told of other objects."""

    def __init__(
        self, interest: Interest, ring: Callable[[str], None], shelves: Callable[[Kind], Shelf]
    ) -> None:
        self.told = Told()
        self._rings = interest.rings
        self._ring = ring
        self._shelf = shelves

    def writes(self) -> int:
        return 0

    def listed(self, object: Object, asked: int) -> None:
        del asked
        self.see("ADDED", object)

    def names(self) -> list[str]:
        return []

    def absent(self, name: str, asked: int) -> None:
        """Keep it: the API server forgets events sooner than we need to."""

    def see(self, type: str, object: Object) -> None:
        if self.told.see(type, object):
            self._ring(self._rings(object))
        there = sum(len(self._shelf(kind)) for kind in _KINDS.values())
        self.told.tidy(self._is_there, there)

    def overdue(self) -> bool:
        return False

    def _is_there(self, uid: str, kind: str, name: str) -> bool:
        return kind in _KINDS and self._shelf(_KINDS[kind]).uid(name) == uid


class Cache:
    """Read it like the cluster; it raises Unreachable rather than answer from old news."""

    def __init__(
        self, cluster: Cluster, interests: Sequence[Interest], *, stale: float = STALE
    ) -> None:
        """Begin with nothing; in a running event loop."""
        self._stale = stale
        self._bells = Bells()
        self._objects: dict[Kind, _Objects] = {}
        self._followers: dict[Kind, Follower] = {}
        self._told = Told()
        for it in interests:
            if it.kind == EVENTS:
                events = _Events(it, self._ring, self._shelf)
                self._told = events.told
                self._followers[it.kind] = Follower(cluster, it, events, self._alarmed)
            else:
                self._objects[it.kind] = _Objects(it, self._ring)
                taker = self._objects[it.kind]
                self._followers[it.kind] = Follower(cluster, it, taker, self._alarmed)
        self._outage = cluster.outage
        self._outage.listen(self._away)

    async def run(self) -> None:
        """Keep it fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for follower in self._followers.values():
                tasks.create_task(follower.run())

    async def synced(self) -> None:
        """Return when every kind has been listed once, or is off."""
        for follower in self._followers.values():
            await follower.listed.wait()

    def get(self, kind: Kind, name: str) -> Object | None:
        """Return `name`, or None if there is none.

        Raises:
            Unreachable: we have not read it, or what we know is too old.
        """
        return self._fresh(kind).get(name)

    def all(self, kind: Kind) -> Iterator[Object]:
        """Yield each of a kind, 10 µs apiece; nothing when the kind is off. Raises as get."""
        return self._fresh(kind).all()

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind. Raises as get."""
        return self._fresh(kind).names()

    def events_of(self, kind: Kind, name: str, uid: str = "") -> list[Object]:
        """Return the last 50 events of `name` as it is now, or of that uid, oldest first.

        Raises:
            Unreachable: as get.
        """
        self._require(EVENTS)
        return self._told.of(uid or self._fresh(kind).uid(name))

    def off(self, kind: Kind) -> str:
        """Return why a kind is not read, in the words of the API server; '' if it is."""
        return self._followers[kind].off

    def put(self, kind: Kind, object: Object) -> None:
        """Take in the answer to our own create or delete, so that we read what we wrote."""
        if object.get("kind") == "Status":  # it says that it is gone
            return
        kept = self._followers[kind].interest.trim(pack(object))
        if kept is not None:
            self._shelf(kind).put(kept, _now())
            self._followers[kind].doubt.expect()

    def drop(self, kind: Kind, name: str, uid: str = "") -> None:
        """Take out what the API server has just said is gone, whatever its uid if that is ''."""
        if self._shelf(kind).drop(name, uid):
            self._ring(name if kind == PODS else "")

    def changes(self) -> AsyncGenerator[str, None]:
        """Yield the name of every pod, then of whatever an Interest rings for."""
        return self._bells.listen(self._shelf(PODS).names())

    def silence(self) -> float:
        """Return for how many seconds the cluster was not heard of; 0 while all is well."""
        return max(self._outage.seconds, *self.staleness().values())

    def staleness(self) -> dict[str, float]:
        """Return for each kind for how many seconds no watch has stood; 0 while one does."""
        return {kind.plural: it.stale for kind, it in self._followers.items()}

    def quiet(self, kind: Kind) -> float:
        """Return for how many seconds nothing was heard of a kind; minutes are usual."""
        return self._followers[kind].quiet

    def _away(self, outage: Outage) -> None:
        """Ask at once whether the watches stand, now that nothing else does, or all does again."""
        for follower in self._followers.values():
            if outage.on:
                follower.doubt.suspect()
            else:
                follower.again()

    def _alarmed(self, by: Follower) -> None:
        """Open every other watch anew: one has missed something, so they may have as well."""
        for follower in self._followers.values():
            if follower is not by:
                follower.doubt.suspect()

    def _ring(self, name: str) -> None:
        if name:
            self._bells.ring(name)

    def _shelf(self, kind: Kind) -> Shelf:
        return self._objects[kind].shelf if kind in self._objects else Shelf()

    def _fresh(self, kind: Kind) -> Shelf:
        self._require(kind)
        return self._shelf(kind)

    def _require(self, kind: Kind) -> None:
        follower = self._followers[kind]
        if not follower.listed.is_set():
            raise Unreachable(f"The {kind.plural} are not known: {follower.why}")
        if follower.stale > self._stale:
            raise Unreachable(
                f"The {kind.plural} were last seen {follower.stale:.0f} s ago: {follower.why}"
            )


def _now() -> float:
    return asyncio.get_running_loop().time()
