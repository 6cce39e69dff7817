"""Service states: what each hub knows of the services it looks after, for all hubs to show."""

import logging
from contextlib import suppress
from dataclasses import dataclass, field

from perijove.core.services import Services
from perijove.model.errors import Stale
from perijove.model.service import Seen
from perijove.store import services as store

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ServiceStates:
    """Writes down what this hub knows, whenever that changes.

    What a hub has told is believed as long as it is among the living: of what a dead one told
    nothing is known, until another hub looks after it.
    """

    services: Services
    me: int
    """This hub, by its number in the database."""
    _told: dict[str, Seen] = field(init=False, default_factory=dict[str, Seen])

    async def tell(self) -> None:
        """Write what has changed. While the database is away, that is later."""
        now = self.services.here()
        for name in [name for name, it in self._told.items() if now.get(name) != it]:
            with suppress(OSError):
                if name not in now:
                    await self.services.database.write(store.unsay(name, self.me))
                    del self._told[name]
        for name, it in now.items():
            if self._told.get(name) != it:
                await self._say(name, it)

    async def _say(self, name: str, seen: Seen) -> None:
        try:
            await self.services.database.write(*store.say(name, self.me, seen))
        except Stale:
            logger.debug("another hub says at the same time how service %s is", name)
        except OSError as error:
            logger.debug("how service %s is cannot be written: %s", name, error)
        else:
            self._told[name] = seen
