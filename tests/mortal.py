"""Death at any moment: every call to the store, the spawner and the network can be the last."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from perijove.model.device import Device
from perijove.model.placement import Placement
from perijove.model.signal import Signal
from perijove.model.trash import Label
from perijove.model.workload import GONE, LaunchSpec, Observation, State
from perijove.spawners import Devices, Gauge, Spawner
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from perijove.store.statement import Statement

T = TypeVar("T")


class Crash(BaseException):
    """Not an Exception: nothing in the hub may catch it."""


class Fuse:
    """Counts calls; burns just before or just after the n-th."""

    def __init__(self, fatal: int = 0, *, after: bool = False) -> None:
        self.fatal, self.after = fatal, after
        self.points: list[str] = []
        self.burnt: str | None = None

    async def call(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        self.points.append(name)
        dies = len(self.points) == self.fatal
        if self.burnt or (dies and not self.after):
            self.burnt = self.burnt or name
            raise Crash(name)
        result = await call()
        if dies:
            self.burnt = name
            raise Crash(name)
        return result


class MortalDatabase:
    def __init__(self, inner: Database, fuse: Fuse) -> None:
        self.inner, self.fuse = inner, fuse

    async def read(self, statement: Statement[T]) -> T:
        return await self.fuse.call("read", lambda: self.inner.read(statement))

    async def write(self, *statements: Statement[Any]) -> None:
        await self.fuse.call("write", lambda: self.inner.write(*statements))

    async def close(self) -> None:
        await self.inner.close()


class MortalSpawner:
    def __init__(self, inner: Spawner, fuse: Fuse) -> None:
        self.inner, self.fuse = inner, fuse
        self.trash = inner.trash

    async def start(self, spec: LaunchSpec) -> None:
        await self.fuse.call("start", lambda: self.inner.start(spec))

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        await self.fuse.call("stop", lambda: self.inner.stop(name, incarnation, force=force))

    async def poll(self, name: str) -> Observation:
        return await self.fuse.call("poll", lambda: self.inner.poll(name))

    async def logs(self, name: str, tail: int = 65536) -> str:
        return await self.fuse.call("logs", lambda: self.inner.logs(name, tail))

    async def events(self, name: str) -> list[Signal]:
        return await self.fuse.call("events", lambda: self.inner.events(name))

    async def ensure_storage(self, spec: LaunchSpec) -> None:
        await self.fuse.call("ensure_storage", lambda: self.inner.ensure_storage(spec))

    async def remove_storage(self, placement: Placement, label: Label) -> None:
        await self.fuse.call("remove_storage", lambda: self.inner.remove_storage(placement, label))

    @property
    def gauge(self) -> Gauge | None:
        return self.inner.gauge

    @property
    def devices(self) -> Devices | None:
        return self.inner.devices

    def renew(self, traits: Mapping[str, Any]) -> None:
        self.inner.renew(traits)

    def watch(self) -> AsyncIterator[str]:
        return self.inner.watch()


def mortal_knock(
    knock: Callable[[str], Awaitable[bool]], fuse: Fuse
) -> Callable[[str], Awaitable[bool]]:
    async def mortally(url: str) -> bool:
        return await fuse.call("knock", lambda: knock(url))

    return mortally


class Crowded(FakeSpawner):
    """Strangers listen on the first ports that are asked for."""

    def __init__(self, strangers: int = 0, instance: str = "i") -> None:
        super().__init__(instance)
        self.strangers = strangers
        self.taken: set[int | None] = set()

    async def start(self, spec: LaunchSpec) -> None:
        port, known = spec.origin.port, spec.name in self.world
        await super().start(spec)
        if not known and (port in self.taken or len(self.taken) < self.strangers):
            self.taken.add(port)
            signal = Signal(code="port-taken", params={"port": port}, terminal=True)
            seen = Observation(state=State.UP, origin=spec.origin, signals=(signal,))
            self.become(spec.name, seen)


class Plenty:
    """A machine with a GPU for everybody, who asks for one; or with two, and nobody asks."""

    def __init__(self, *, two: bool = False) -> None:
        self.two = two

    def there(self) -> Sequence[Device]:
        count = 2 if self.two else 400
        return [Device(f"GPU-{number}", "NVIDIA L4", "nvidia.com/gpu") for number in range(count)]

    def wanted(self, overrides: Mapping[str, Any]) -> Mapping[str, int]:
        del overrides
        return {} if self.two else {"nvidia.com/gpu": 1}

    def held(self) -> Mapping[str, Sequence[str]]:
        return {}


class LateWorld(Crowded):
    """Shows a new workload one look late, as a cache does; so a second start is a real danger."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance=instance)
        self.devices = Plenty()
        self.unseen: dict[str, int] = {}
        self.starts: list[tuple[str, int]] = []

    async def start(self, spec: LaunchSpec) -> None:
        if spec.name not in self.world:
            self.unseen[spec.name] = 1
            self.starts.append((spec.name, spec.origin.incarnation))
        await super().start(spec)

    async def poll(self, name: str) -> Observation:
        if self.unseen.pop(name, 0):
            return GONE
        return await super().poll(name)
