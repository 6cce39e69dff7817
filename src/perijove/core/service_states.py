"""Service states: what each hub knows of the services it looks after, for all hubs to show."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from perijove.core.services import Services
from perijove.kit.clock import steadily
from perijove.model.errors import Stale
from perijove.model.service import Seen
from perijove.store import services as store

logger = logging.getLogger(__name__)

_AGAIN = 60.0
"""Seconds until all is written again."""


@dataclass(slots=True, kw_only=True)
class ServiceStates:
    """Writes down what this hub knows, whenever that changes.

    What a hub has told is believed as long as it is among the living: of what a dead one told
    nothing is known, until another hub looks after it.
    """

    services: Services
    me: int
    """This hub, by its number in the database."""
    steady: Callable[[], float] = steadily
    _told: dict[str, Seen] = field(init=False, default_factory=dict[str, Seen])
    _all_told: float = field(init=False, default=-inf)
    """When everything was written last, in seconds of the steady clock."""

    async def tell(self) -> None:
        """Write what has changed; all of it once a minute, should others have written over it.

        What cannot be written now is written later: services run on whatever the database says.
        """
        try:
            await self._tell()
        except OSError as error:
            logger.debug("how services are cannot be written: %s", error)
        except Exception:
            logger.exception("cannot write how services are; trying again")

    async def _tell(self) -> None:
        now = self.services.here()
        for name in self._told.keys() - now.keys():
            await self.services.database.write(store.unsay(name, self.me))
            del self._told[name]
        whole = self.steady() - self._all_told >= _AGAIN
        for name, it in now.items():
            if whole or self._told.get(name) != it:
                await self._say(name, it)
        if whole:
            self._all_told = self.steady()

    async def _say(self, name: str, seen: Seen) -> None:
        try:
            await self.services.database.write(*store.say(name, self.me, seen))
        except Stale:
            logger.debug("another hub says at the same time how service %s is", name)
        else:
            self._told[name] = seen
