"""Who has ever been there: every pod of a namespace by uid, seen past the hub and its faults."""

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field

from perijove.spawners.kubernetes.cluster import PODS, Cluster
from perijove.spawners.kubernetes.errors import ClusterError, Expired
from perijove.spawners.kubernetes.wire import Object


@dataclass
class Citizen:
    """One pod."""

    name: str
    restarts: int = 0
    doomed: bool = False
    """Somebody has asked for its end, or it is gone."""
    gone: bool = False


@dataclass
class Census:
    """Counts pods for as long as `run` runs."""

    cluster: Cluster
    citizens: dict[str, Citizen] = field(default_factory=dict[str, Citizen])
    """By uid."""

    async def run(self) -> None:
        """Count until cancelled; an API server that stops holds it up, no more."""
        version = ""
        while True:
            try:
                version = version or await self._list()
                watch = self.cluster.watch(PODS, since=version, silence=20)
                async with aclosing(watch) as events:
                    async for event in events:
                        version = event.object["metadata"]["resourceVersion"]
                        if event.type != "BOOKMARK":
                            self._see(event.object, gone=event.type == "DELETED")
            except Expired:
                version = ""
            except ClusterError:
                await asyncio.sleep(0.5)

    async def look(self) -> None:
        """Count once, so that what has happened until now is counted."""
        await self._list()

    def alive(self) -> list[str]:
        """Return the names of the pods that nobody has asked to end."""
        return sorted(it.name for it in self.citizens.values() if not it.doomed)

    def left(self) -> list[str]:
        """Return the names of the pods that are there, be it on their way out."""
        return sorted(it.name for it in self.citizens.values() if not it.gone)

    def touched(self) -> list[str]:
        """Return the names of the pods that were deleted, or whose container was restarted."""
        return sorted(it.name for it in self.citizens.values() if it.doomed or it.restarts)

    def doubled(self) -> list[str]:
        """Return the names that more than one pod has had."""
        names = Counter(it.name for it in self.citizens.values())
        return sorted(name for name, count in names.items() if count > 1)

    async def _list(self) -> str:
        pods, version = await self.cluster.list(PODS)
        there = {self._see(pod) for pod in pods}
        for uid, citizen in self.citizens.items():
            if uid not in there:
                citizen.doomed = citizen.gone = True
        return version

    def _see(self, pod: Object, *, gone: bool = False) -> str:
        meta = pod["metadata"]
        it = self.citizens.setdefault(meta["uid"], Citizen(meta["name"]))
        statuses = pod.get("status", {}).get("containerStatuses", ())
        it.restarts = sum(status.get("restartCount", 0) for status in statuses)
        it.gone = it.gone or gone
        it.doomed = it.doomed or gone or "deletionTimestamp" in meta
        return str(meta["uid"])
