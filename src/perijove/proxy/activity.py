"""Activity: tells the hub when each route was last used."""

import asyncio
import json
import logging
from datetime import UTC, timedelta

from perijove.kit.clock import Clock
from perijove.proxy.hub import HubAway, HubLine
from perijove.proxy.log import Log
from perijove.proxy.table import Table
from perijove.proxy.tree import Route

_SECONDS = 10.0
_SUCCESS = range(200, 300)


class Activity:
    """Batches; what could not be told is told with the next."""

    def __init__(self, table: Table, line: HubLine, clock: Clock, log: Log) -> None:
        self._table = table
        self._line = line
        self._clock = clock
        self._log = log

    async def run(self, every: float) -> None:
        """Tell the hub every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.tell()

    async def tell(self) -> None:
        """Tell the hub what it has not been told."""
        news = {
            route: route.used
            for prefix, route in self._table.routes.items()
            if route.used > route.told and prefix != "/"
        }
        if not news:
            return
        try:
            answer = await self._line.ask(
                "POST", "api/proxy/activity", body=self._body(news), seconds=_SECONDS
            )
        except (HubAway, OSError) as problem:
            self._log(logging.DEBUG, "activity-kept", why=str(problem))
            return
        if answer.status not in _SUCCESS:
            await self._line.forget_token()
            return
        for route, used in news.items():
            route.told = used

    def _body(self, news: dict[Route, float]) -> bytes:
        now, steady = self._clock(), asyncio.get_running_loop().time()
        routes = {}
        for route, used in news.items():
            at = (now - timedelta(seconds=steady - used)).astimezone(UTC)
            routes[route.prefix] = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return json.dumps({"routes": routes}).encode()
