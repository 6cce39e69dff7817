"""Absence: servers that wait for a place or a database that cannot be reached now."""

import asyncio
import logging
from dataclasses import dataclass, field
from random import uniform

from perijove.kit.backoff import Backoff

logger = logging.getLogger(__name__)

_LONGEST = 2.0
"""Seconds between two looks: who was asked for meanwhile is to begin soon after."""


@dataclass(slots=True)
class Absence:
    """Says once of each that it waits, and once that it goes on."""

    what: str = "server"
    backoff: Backoff = field(default_factory=lambda: Backoff(base=0.25, ceiling=_LONGEST))
    since: dict[str, float] = field(default_factory=dict[str, float])

    def wait(self, key: str, why: OSError) -> float:
        """Return seconds until `key` is looked at again; not all at the same time."""
        if key not in self.since:
            logger.warning("%s %s: waits: %s", self.what, key, why)
        self.since.setdefault(key, _now())
        return self.backoff.next(key) * uniform(1.0, 1.5)  # noqa: S311 - a delay is no secret

    def over(self, key: str) -> None:
        """Take note that `key` was looked at."""
        since = self.since.pop(key, None)
        if since is not None:
            self.backoff.forget(key)
            logger.info("%s %s: goes on after %.0f s", self.what, key, _now() - since)


def _now() -> float:
    return asyncio.get_running_loop().time()
