"""Tell the hub when the server last did something, for as long as it runs (hub.md 1.3)."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from perijove.kit.backoff import Backoff
from perijove.kit.clock import Clock
from perijove.singleuser.environment import Environment
from perijove.singleuser.hub import Away, Hub, Strange

_JITTER = 0.1
_CEILING = 60.0
_FRESH = timedelta(seconds=20)


class Activity:
    """A loop that reports and never gives up."""

    def __init__(
        self,
        environment: Environment,
        hub: Hub,
        clock: Clock,
        last: Callable[[], datetime | None],
        log: logging.Logger,
    ) -> None:
        """`last` returns when the server was last in use; None means now."""
        self._environment = environment
        self._hub = hub
        self._clock = clock
        self._last = last
        self._log = log
        self._stop: dict[str, Any] = {}
        self._told = clock() - _FRESH

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Report at once and then every interval, a little earlier or later each time."""
        environment = self._environment
        if not environment.activity_url or environment.activity_interval <= 0:
            self._log.warning("no activity is reported: no URL or no interval")
            return
        failures = Backoff(base=1.0, ceiling=min(_CEILING, environment.activity_interval))
        while True:
            try:
                await self._send()
            except (Away, Strange) as error:
                wait = failures.next("hub")
                self._log.warning("the hub took no report of activity: %s", error)
            else:
                failures.forget("hub")
                wait = environment.activity_interval
            await sleep(wait * (1 + _JITTER * (2 * random.random() - 1)))  # noqa: S311 - no secret

    async def stop(self) -> dict[str, Any]:
        """Return what the hub says of when the server is stopped; nothing: it does not say."""
        near = str(self._stop.get("warned_at") or "")
        soon = near and datetime.fromisoformat(near) <= self._clock()
        if soon and self._clock() - self._told >= _FRESH:
            with suppress(Away, Strange):
                await self._send()
        return self._stop

    async def _send(self) -> None:
        answer = await self._hub.active(self.report())
        servers = answer.get("servers")
        mine = servers.get(self._environment.server) if isinstance(servers, dict) else None
        self._stop, self._told = mine if isinstance(mine, dict) else {}, self._clock()

    def report(self) -> dict[str, object]:
        """Return the body."""
        at = self._last() or self._clock()
        text = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "servers": {self._environment.server: {"last_activity": text}},
            "last_activity": text,
        }
