"""Reload: read the configuration again while people work, and go by it: whole, or not at all."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from perijove.core.people import Difference
from perijove.model.errors import Invalid

logger = logging.getLogger(__name__)


class Effect(StrEnum):
    """When what has changed takes effect."""

    NOW = "now"
    NEXT_START = "next-start"  # of each server; one that runs keeps what it has
    RESTART = "restart"  # of Perijove itself; until then it is as before


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key of the configuration. The values are those of JSON, secrets left out."""

    key: str
    before: Any
    after: Any
    effect: Effect


async def _nothing() -> Sequence[Difference]:
    """Adopt nothing."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the configuration says now, beside what is in effect."""

    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it cannot be used; there are no changes then."""
    notices: tuple[str, ...] = ()
    adopt: Callable[[], Awaitable[Sequence[Difference]]] = _nothing
    """Goes by it from now on; returns what it has put right of people and groups."""
    restored: tuple[Difference, ...] = ()
    """That, once it is in effect."""


def _as_it_is() -> Found:
    return Found()


Look: TypeAlias = Callable[[], Found]
"""Reads files, so it is called in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Compares and adopts, one at a time."""

    look: Look = _as_it_is
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def compare(self) -> Found:
        """Return what a reload would do."""
        return await asyncio.to_thread(self.look)

    async def apply(self) -> Found:
        """Go by the configuration as it is now, except for what needs a restart.

        Raises:
            Invalid: it has problems. Nothing is changed.
        """
        async with self._turn:
            found = await self.compare()
            if found.problems:
                for problem in found.problems:
                    logger.error("the configuration is not reloaded: %s", problem)
                raise Invalid("config.bad", problems="\n".join(found.problems))
            restored = tuple(await found.adopt())
            for notice in found.notices:
                logger.warning("%s", notice)
            for change in found.changes:
                logger.info("reloaded: %s (%s)", change.key, change.effect)
            return replace(found, restored=restored)
