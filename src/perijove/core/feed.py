"""Feed: the route table that proxies pull, with the changes between its last versions."""

import asyncio
import hashlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from perijove.core.absence import Absence
from perijove.core.domains import Domains
from perijove.core.followers import Awaited, Followers
from perijove.core.routes import hub_route, route_of
from perijove.kit.clock import Clock
from perijove.kit.timings import CHECK, Timings
from perijove.model.errors import Stale
from perijove.model.route import Delta, Route, Whole
from perijove.model.server import Server
from perijove.store import feed as store
from perijove.store import servers
from perijove.store.database import Database

logger = logging.getLogger(__name__)

_REMEMBERED = 1000
_PATIENCE = 1.0
"""Seconds in which a proxy takes what it is told; one that is slower is not waited for."""
_NEW = timedelta(seconds=2)
"""For so long after it has begun to run it is asked whether proxies know of a server."""
_OUTAGE = timedelta(minutes=1)
"""The same, of a hub that has just begun: the one before may have died before it told them."""


Beside: TypeAlias = Callable[[], Awaitable[Mapping[str, Route]]]


async def _none() -> Mapping[str, Route]:
    return {}


@dataclass(frozen=True, slots=True)
class _Change:
    """What one version has changed."""

    version: int
    prefixes: frozenset[str]
    at: float
    """By the loop's clock."""


@dataclass(slots=True, kw_only=True)
class Feed:
    """Follows the rows of running servers. The database owns the version, this a copy.

    What this replica changes it is told (`changing`) and publishes at once, or gathers for a
    moment where much changes; what another replica changes it sees by the version, once a second.
    """

    database: Database
    hub: str
    """http://host:port of the hub itself, which answers for what has no other route."""
    base_url: str = "/"
    domains: Domains = field(default_factory=Domains)
    gather: float = 0.05
    look: float = 1.0
    clock: Clock = field(default_factory=Clock)
    timings: Timings = field(default_factory=Timings)
    awaits: Awaited = field(default_factory=Awaited)
    followers: Followers = field(default_factory=Followers)
    tell: Callable[[], None] = lambda: None
    """Is called when this replica has changed a route, for the others."""
    beside: Beside = _none
    """Reads the routes to what is no server: to services."""
    version: int = field(init=False, default=0)
    checksum: str = field(init=False, default="")
    _routes: dict[str, Route] = field(init=False, default_factory=dict[str, Route])
    _servers: dict[str, Server] = field(init=False, default_factory=dict[str, Server])
    _noted: list[Server] = field(init=False, default_factory=list[Server])
    _writing: int = field(init=False, default=0)
    _next: float = field(init=False, default=-math.inf)
    """What is noted before that, by the loop's clock, waits for more."""
    _absence: Absence = field(init=False, default_factory=lambda: Absence("reading"))
    _due: float = field(init=False, default=-math.inf)
    """When it is looked what others have changed, by the same clock."""
    _caught_up: bool = field(init=False, default=False)
    """Whether the proxies have what the hub found when it began, or had time enough to ask."""
    _changes: deque[_Change] = field(init=False, default_factory=lambda: deque(maxlen=_REMEMBERED))
    _one: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """Held by whoever publishes, from its read on: no older table comes after a newer one."""
    _bell: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _published: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    @contextmanager
    def changing(self, server: Server) -> Iterator[None]:
        """Take note of `server`, a row that raises the version by one and is written meanwhile."""
        self._writing += 1
        try:
            yield
            self._noted.append(server)
            self._bell.set()
            self.tell()
        finally:
            self._writing -= 1

    def heard(self) -> None:
        """Look at once whether another replica has changed something."""
        self._due = -math.inf
        self._bell.set()

    def key(self, user: str, name: str) -> str:
        """Return the prefix of the route of a server."""
        return self.domains.key(self.base_url, user, name)

    def server(self, prefix: str) -> Server | None:
        """Return the server behind `prefix`, if it has a route."""
        return self._servers.get(prefix)

    def reached(self, server: Server) -> bool:
        """Return whether proxies send people to `server`, a row that runs.

        What has run for two seconds they do, or are not waited for; but when a hub has just
        begun, it waits for proxies that come back with what the one before has told them.
        """
        if self.clock() - server.since > (_NEW if self._have_caught_up() else _OUTAGE):
            return True
        path = self.key(server.user, server.name)
        if path not in self._routes:
            return False
        change = next((it for it in reversed(self._changes) if path in it.prefixes), None)
        if change is None:  # another hub's, perhaps of one that has just died
            return self.followers.have(0)
        late = self._caught_up and _now() - change.at > _PATIENCE
        return late or self.followers.have(change.version)

    def _have_caught_up(self) -> bool:
        if not self._caught_up and self._changes:
            first = self._changes[0]
            late = _now() - first.at > self.awaits.seconds + _PATIENCE
            self._caught_up = late or self.followers.have(first.version)
        return self._caught_up

    async def reach(self, server: Server) -> None:
        """Wait until proxies send people to `server`, for two seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_NEW.total_seconds()):
                while not self.reached(server):
                    await self.followers.moved()

    async def follow(self, who: str, version: int | None, *, wait: float) -> Whole | Delta:
        """Return what `after` does to a proxy, which is known by its connection."""
        if not self.version:
            await self._published.wait()
        # One that claims to be newer is told all of it, so it has nothing yet.
        self.followers.came(who, version if version and version <= self.version else None)
        try:
            return await self.after(version, wait=wait)
        finally:
            self.followers.left(who)

    async def after(self, version: int | None, *, wait: float = 0.0) -> Whole | Delta:
        """Return what has changed since `version`, as soon as something has, or after `wait` s.

        All of it if `version` is None, is not ours, or too long ago.
        """
        if not self.version:
            await self._published.wait()
        published = self._published
        if version == self.version and wait > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await published.wait()
        return self._since(version)

    async def run(self) -> None:
        """Keep up until cancelled."""
        while True:
            try:
                with self.timings.timed(CHECK):
                    await self.refresh()
                self._absence.over("routes")
                await self._follow()
            except OSError as error:
                await asyncio.sleep(self._absence.wait("routes", error))
            except Exception:
                logger.exception("cannot read the routes; trying again")
                await asyncio.sleep(self.look)

    async def refresh(self) -> None:
        """Read every route from the database, after whoever does so now."""
        async with self._one:
            await self._read()

    async def _read(self) -> None:
        version = await self.database.read(store.version())
        if version is None:
            with suppress(Stale):  # another replica was faster
                await self.database.write(store.add())
            version = await self.database.read(store.version()) or 1
        self._noted.clear()  # the rows below are as new, or newer
        rows = await self.database.read(servers.running())
        found = {self.key(it.user, it.name): it for it in rows}
        routes = {path: route for path, it in found.items() if (route := route_of(path, it))}
        first = hub_route(self.hub)
        routes = {**await self.beside(), **routes, first.prefix: first}
        self._publish(version, routes, found, self._routes.keys() | routes.keys())

    async def _follow(self) -> None:
        """Publish what is noted; return when another replica has changed something."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self.look
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due):
                    await self._bell.wait()
                await asyncio.sleep(max(0.0, self._next - loop.time()))
                async with self._one:
                    self._bell.clear()
                    self._apply()
                self._next = loop.time() + self.gather
            if loop.time() >= self._due:
                self._due = loop.time() + self.look
                if not await self._alone():
                    return

    async def _alone(self) -> bool:
        """Return whether the version is what our own changes have made of it."""
        low = self.version + len(self._noted)
        found = await self.database.read(store.version())
        high = self.version + len(self._noted) + self._writing
        return found is not None and low <= found <= high

    def _apply(self) -> None:
        noted, self._noted = self._noted, []
        routes, known = dict(self._routes), dict(self._servers)
        touched = {self.key(it.user, it.name): it for it in noted}
        for path, server in touched.items():
            route = route_of(path, server)
            if route is None:
                routes.pop(path, None)
                known.pop(path, None)
            else:
                routes[path], known[path] = route, server
        self._publish(self.version + len(noted), routes, known, touched.keys())

    def _publish(
        self,
        version: int,
        routes: dict[str, Route],
        known: dict[str, Server],
        touched: Collection[str],
    ) -> None:
        """Make `routes` the table, different at `touched` alone, and wake who waits for it."""
        if not self.version:
            self.followers.expect(self.awaits)
        if version < self.version:  # an older database, or one count too many: begin again
            self._changes.clear()
        before = self._routes
        changed = {path for path in touched if before.get(path) != routes.get(path)}
        if version == self.version and not changed:
            return
        self._routes, self._servers = routes, known
        self.version, self.checksum = version, checksum(routes)
        self._changes.append(_Change(version, frozenset(changed), _now()))
        published, self._published = self._published, asyncio.Event()
        published.set()

    def _since(self, version: int | None) -> Whole | Delta:
        covered = self._changes[0].version if self._changes else self.version
        if version is None or not covered <= version <= self.version:
            return Whole(version=self.version, checksum=self.checksum, routes=self._routes)
        changed: set[str] = set()
        for change in reversed(self._changes):
            if change.version <= version:
                break
            changed |= change.prefixes
        return Delta(
            version=self.version,
            after=version,
            checksum=self.checksum,
            set={path: self._routes[path] for path in changed if path in self._routes},
            removed=tuple(sorted(path for path in changed if path not in self._routes)),
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def checksum(routes: Mapping[str, Route]) -> str:
    """Return what a proxy compares its own table with."""
    lines = "".join(f"{path}\0{routes[path].target}\n" for path in sorted(routes))
    return hashlib.sha256(lines.encode()).hexdigest()
