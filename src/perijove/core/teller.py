"""Teller: keeps the table of a proxy that is told its routes, a configurable-http-proxy.

Ours pulls its table. This one has to be told, and forgets it all when it ends: so the hub
compares, again and again. Of several hubs one tells, the others see whether it has.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from perijove.core.absence import Absence
from perijove.core.activity import Activity
from perijove.core.chp import Chp, Had, key_of
from perijove.core.feed import Feed
from perijove.core.leases import Leases
from perijove.model.route import Delta, Route, Whole

logger = logging.getLogger(__name__)

_WHO = "chp"
"""What the feed knows it by."""
_LEASE = "proxy"
"""Whoever has the shard of that key tells."""
_PATIENCE, _GLANCE = 1.0, 0.05
"""Seconds for which another hub's word is waited for, and between two looks."""
_HURT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TellerSettings:
    """Which proxy is told, and how often it is looked at."""

    url: str
    """Of its REST API."""
    token: str = field(repr=False)
    concurrency: int = 10
    every: float = 60.0
    """Seconds, after which its whole table is compared, and its times are read."""
    look: float = 5.0
    """Seconds, after which it is asked for one route: one that has lost all is told all."""


@dataclass(slots=True, kw_only=True)
class Teller:
    """Tells one proxy. What has no mark of a hub is left as it is."""

    feed: Feed
    activity: Activity
    leases: Leases
    settings: TellerSettings
    chp: Chp = field(init=False)
    told: int = field(init=False, default=0)
    """How often the proxy has taken a route from this hub, or that one is gone."""
    declined: int = field(init=False, default=0)
    """How often it has said no."""
    _one: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """Held by whoever tells: what the feed said first is told first."""
    _absence: Absence = field(init=False, default_factory=lambda: Absence("proxy"))
    _led: bool = field(init=False, default=False)
    _compared: float | None = field(init=False, default=None)
    """When its whole table was last as it should be, by the loop's clock."""
    _put: dict[str, datetime] = field(init=False, default_factory=dict[str, datetime])
    """When the proxy thinks that a route was used, because it was told of it anew."""

    def __post_init__(self) -> None:
        """Know the proxy; nothing is asked of it yet."""
        it = self.settings
        self.chp = Chp(it.url, it.token, concurrency=it.concurrency)

    async def run(self) -> None:
        """Tell until cancelled. The proxy goes on with what it has."""
        try:
            while True:
                try:
                    await self._keep()
                except OSError as error:
                    await asyncio.sleep(self._absence.wait(self.chp.url, error))
                except Exception:
                    logger.exception("cannot tell the proxy; trying again")
                    await asyncio.sleep(_HURT)
        finally:
            await self.chp.close()

    def since_compared(self) -> float:
        """Return how many seconds ago this hub last compared its whole table.

        -1: never, or another hub does.
        """
        return -1.0 if self._compared is None else _now() - self._compared

    async def check(self) -> None:
        """Compare the whole table now, and make it right.

        Raises:
            OSError: the proxy is away.
        """
        async with self._one:
            await self._compare_all()

    async def move(self, url: str, token: str) -> None:
        """Tell another proxy from now on: all of it, at once.

        Raises:
            OSError: it is away.
            ValueError: `url` is none.
        """
        async with self._one:
            self.chp.move(url, token)
        await self.check()

    async def _keep(self) -> None:
        """Compare all, then pass on what changes, until it is time to compare again."""
        whole = await self.feed.follow(_WHO, None, wait=0)
        assert isinstance(whole, Whole)
        version = whole.version
        async with self._one:
            self._led = self._leads()
            if self._led:
                version = await self._compare_all()
            else:  # it is another hub's business how long ago that was
                self._compared = None
        self._absence.over(self.chp.url)
        due = _now() + self.settings.every
        while (left := due - _now()) > 0 and self._leads() is self._led:
            wait = min(self.settings.look, left)
            found = await self.feed.follow(_WHO, version, wait=wait)
            if not isinstance(found, Delta):
                return
            if found.version == version:
                if self._led and not await self._there():
                    logger.warning("the proxy has lost its routes; it is told all of them")
                    return
            elif self._led:
                async with self._one:
                    await self._pass_on(found)
            else:
                await self._told(found.set)
            version = found.version

    def _leads(self) -> bool:
        return self.leases.holds(_LEASE)

    async def _compare_all(self) -> int:
        """Compare its table with all routes; return the version of those."""
        # In this order: what other hubs tell it meanwhile is in the feed, too.
        table = await self.chp.table()
        await self.feed.refresh()
        whole = await self.feed.after(None)
        assert isinstance(whole, Whole)
        await self._compare(whole.routes, table)
        self._compared = _now()
        return whole.version

    async def _compare(self, routes: Mapping[str, Route], table: Mapping[str, Had]) -> None:
        """Add what is missing in `table`, mend what is wrong, take away what is stale."""
        wanted = {key_of(path): route for path, route in routes.items()}
        self._read(wanted, table)
        stale = [key for key, it in table.items() if it.ours and key not in wanted]
        missing = {key: it for key, it in wanted.items() if not _right(table.get(key), it)}
        await self._all(self.chp.remove(key) for key in stale)
        await self._all(self.chp.add(route) for route in missing.values())
        if missing.keys() - {"/"}:
            now = await self.chp.table()
            self._put |= {key: at for key in missing if key in now and (at := now[key].used)}
        if stale or missing:
            logger.info("the proxy is told %d routes, and to forget %d", len(missing), len(stale))

    async def _pass_on(self, delta: Delta) -> None:
        await self._all(self.chp.remove(key_of(path)) for path in delta.removed)
        await self._all(self.chp.add(route) for route in delta.set.values())

    async def _all(self, calls: Iterable[Awaitable[None]]) -> None:
        """Do all of them; one that the proxy declines does not keep the others.

        Raises:
            OSError: the proxy is away.
        """
        for error in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(error, ValueError):
                self.declined += 1
                logger.warning("a route is left out: %s", error)
            elif isinstance(error, BaseException):
                raise error
            else:
                self.told += 1

    async def _told(self, routes: Mapping[str, Route]) -> None:
        """Wait until the proxy has `routes`, of which another hub tells it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for route in routes.values():
                    key = key_of(route.prefix)
                    while await self.chp.target(key) != route.target:  # noqa: ASYNC110 - no bell
                        await asyncio.sleep(_GLANCE)

    async def _there(self) -> bool:
        """Return whether one of our routes, whichever, is as it should be."""
        whole = await self.feed.after(None)
        assert isinstance(whole, Whole)
        others = [route for path, route in whole.routes.items() if path != "/"]
        if not others:
            return _right((await self.chp.table()).get("/"), whole.routes["/"])
        one = random.choice(others)  # noqa: S311 - no secret
        return await self.chp.target(key_of(one.prefix)) == one.target

    def _read(self, wanted: Mapping[str, Route], table: Mapping[str, Had]) -> None:
        """Take note of when servers were used, but for when a route was only told anew."""
        self._put = {key: at for key, at in self._put.items() if key in wanted}
        clock = self.activity.clock
        for key, route in wanted.items():
            had = table.get(key)
            if had and had.used and had.used != self._put.get(key):
                with suppress(OverflowError):  # the year 9999
                    self.activity.note_route(route.prefix, min(clock.told(had.used), clock()))


def teller(
    settings: TellerSettings | None, feed: Feed, activity: Activity, leases: Leases
) -> Teller | None:
    """Return who tells the proxy of `settings`; None where it pulls its table."""
    if settings is None:
        return None
    return Teller(feed=feed, activity=activity, leases=leases, settings=settings)


def _right(had: Had | None, route: Route) -> bool:
    return had is not None and had.ours and had.target == route.target


def _now() -> float:
    return asyncio.get_running_loop().time()
