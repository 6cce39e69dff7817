"""Sweep: what has expired is deleted now and then, whether anybody asks for it or not."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from perijove.core.grants import KEPT
from perijove.kit.clock import Clock
from perijove.store import codes, sessions, share_codes, tokens
from perijove.store.database import Database

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Sweep:
    """Of tokens, of codes that are swapped for them, of sessions and of links to shares."""

    database: Database
    clock: Clock
    every: timedelta = timedelta(minutes=10)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self.turn()
            except OSError as error:
                logger.warning("cannot delete what has expired: %s; trying again later", error)
            except Exception:
                logger.exception("cannot delete what has expired; trying again later")
            await asyncio.sleep(self.every.total_seconds())

    async def turn(self) -> None:
        """Delete it."""
        now = self.clock()
        # Each by itself: of many rows a database locks one after another.
        for statement in (
            tokens.purge(now),
            codes.purge(now - KEPT),
            sessions.purge(now),
            share_codes.purge(now),
        ):
            await self.database.write(statement)

    async def sizes(self) -> Mapping[str, int]:
        """Return how many there are of each, those that have expired included."""
        found = {f"{kind} token": n for kind, n in (await self._read_tokens()).items()}
        return {
            **found,
            "code": await self.database.read(codes.count()),
            "session": await self.database.read(sessions.count()),
        }

    async def _read_tokens(self) -> Mapping[str, int]:
        return await self.database.read(tokens.counted())
