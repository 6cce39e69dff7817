"""Feed: keeps the table as the hub has it, and its copy on disk."""

import asyncio
import logging
import random
from typing import Any

from perijove.kit.backoff import Backoff
from perijove.proxy.hub import HubAway, HubLine
from perijove.proxy.log import Log
from perijove.proxy.shelf import Shelf
from perijove.proxy.table import Damaged, Table

_POLL_SECONDS = 60.0
_OK = 200
_SLOWEST = 0.5


class Feed:
    """A long poll after another. While the hub is away the last table goes on."""

    def __init__(self, table: Table, line: HubLine, shelf: Shelf, log: Log) -> None:
        self._table = table
        self._line = line
        self._shelf = shelf
        self._log = log
        self._away = ""
        self._again = Backoff(0.1, _SLOWEST)
        self.heard = asyncio.get_running_loop().time()
        """When the hub last told of routes, by the loop's clock; at first when this began."""
        self.changed = self.heard
        """When the table last became another."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._step()
            except (HubAway, Damaged, OSError) as problem:
                await self._wait(str(problem))
            else:
                self._again.forget("hub")
                self.heard = asyncio.get_running_loop().time()
                if self._away:
                    self._log(logging.INFO, "hub-back", version=self._table.version)
                self._away = ""

    async def _wait(self, problem: str) -> None:
        if self._away != problem:
            self._away = problem
            self._log(logging.WARNING, "hub-away", why=problem, version=self._table.version)
        # full jitter: many proxies must not come back as one
        await asyncio.sleep(self._again.next("hub") * random.uniform(0.5, 1.0))  # noqa: S311

    async def _step(self) -> None:
        version = self._table.version
        query = "" if version is None else f"?after={version}"
        answer = await self._line.ask("GET", f"api/proxy/feed{query}", seconds=_POLL_SECONDS)
        if answer.status != _OK:
            await self._line.forget_token()
            raise HubAway(f"it answers {answer.status} to the proxy's token")
        try:
            changed = self._apply(answer.json())
        except Damaged:
            self._table.version = None  # ask for all of it
            raise
        if changed:
            self.changed = asyncio.get_running_loop().time()
            self._shelf.put(self._table)

    def _apply(self, told: Any) -> bool:
        """Apply what the hub told; return whether anything is new."""
        table = self._table
        try:
            version, digest = told["version"], told["checksum"]
            if "routes" in told:
                table.replace(version, told["routes"], digest)
                return True
            if told["after"] != table.version:
                raise Damaged("a delta to another version")
            before = table.version
            table.amend(version, told["set"], told["removed"], digest)
        except (KeyError, TypeError, AttributeError) as error:
            raise Damaged("shape") from error
        return version != before or bool(told["set"]) or bool(told["removed"])
