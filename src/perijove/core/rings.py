"""Rings: what hubs that share a database tell each other, so that none waits for its next look."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from perijove.kit.backoff import Backoff
from perijove.store.database import SharedDatabase

logger = logging.getLogger(__name__)

_ROUTES = "routes"
_SERVER = "server "
_LONGEST = 5.0
"""Seconds until it is listened again; meanwhile everybody looks once a second."""


@dataclass(slots=True, kw_only=True)
class Rings:
    """Tells and hears. A word that is lost costs a second."""

    database: SharedDatabase
    server: Callable[[str], None]
    """Takes the key of a server whose row was changed."""
    routes: Callable[[], None]
    """Is called when a route was changed."""
    _words: dict[str, None] = field(init=False, default_factory=dict[str, None])
    _bell: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _backoff: Backoff = field(init=False, default_factory=lambda: Backoff(ceiling=_LONGEST))

    def tell_server(self, key: str) -> None:
        """Tell that the row of a server was changed."""
        self._tell(_SERVER + key)

    def tell_routes(self) -> None:
        """Tell that a route was changed."""
        self._tell(_ROUTES)

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._listen())

    def _tell(self, word: str) -> None:
        self._words.setdefault(word)
        self._bell.set()

    async def _send(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            words, self._words = self._words, {}
            try:
                for word in words:
                    await self.database.ring(word)
            except OSError:
                logger.debug("nobody can be told now; everybody looks by themselves")
            except Exception:
                logger.exception("cannot tell the other hubs; they look by themselves")

    async def _listen(self) -> None:
        while True:
            try:
                async for word in self.database.rings():
                    self._backoff.forget("")
                    self._hear(word)
            except OSError as error:
                logger.info("cannot hear the other hubs (%s); looking once a second", error)
            except Exception:
                logger.exception("cannot hear the other hubs; looking once a second")
            await asyncio.sleep(self._backoff.next(""))

    def _hear(self, word: str) -> None:
        if word == _ROUTES:
            self.routes()
        elif word.startswith(_SERVER):
            self.server(word.removeprefix(_SERVER))
