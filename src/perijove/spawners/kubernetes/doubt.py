"""Doubt: whether a watch that stands has fallen silent, which only what it lacks can show."""

import asyncio
from collections.abc import Awaitable

SOON = 5.0
"""Seconds in which a watch shows what we have just written, unless it has fallen silent."""
_AT_ONCE = 1.0
"""Seconds in which a new watch tells what the last one has missed."""


class Doubt:
    """Cuts one watch after the other short; knows which of them has missed something."""

    def __init__(self, longest: float) -> None:
        """`longest` is for how many seconds a watch may say nothing at most."""
        self.expected: float | None = None
        """Seconds in which something must be heard, as we know that there is something."""
        self._longest = longest
        self._patience: asyncio.Timeout | None = None
        self._quiet = False
        """Whether the last watch said nothing for so long that it may have missed something."""
        self._suspected = False
        """Whether others say so; what it then tells is no reason to suspect them in turn."""

    def suspect(self) -> None:
        """End the watch: what it stands on may have fallen silent."""
        self._suspected = self._patience is not None
        self._give_up_at(_now())

    def expect(self) -> None:
        """End the watch unless it says something soon: we have just written something."""
        if self.expected is None:
            self.expected = SOON
            self._give_up_at(_now() + SOON)

    def silent(self) -> None:
        """Take note that the watch has ended for saying nothing; some never have more to say."""
        self._quiet = True

    def heard(self, since: float) -> bool:
        """Take note of news of a watch that stands `since`; return whether the last missed them."""
        if self.expected is not None:
            self.expected = None
            self._give_up_at(None)
        missed = self._quiet and _now() - since < _AT_ONCE
        self._quiet = False
        return missed

    async def patiently(self, watching: Awaitable[None]) -> bool:
        """Await `watching`, cut short when it is doubted; return whether only a list can help."""
        expected = self.expected
        try:
            async with asyncio.timeout(expected) as patience:
                self._patience = patience
                try:
                    await watching
                finally:
                    self._patience = None
        except TimeoutError:
            self._quiet = not self._suspected
            return expected is not None and self.again()
        finally:
            self._suspected = False
        return False

    def again(self) -> bool:
        """Be more patient after a watch that has not helped, and give in at last."""
        if self.expected is None:
            return False
        longer = self.expected * 2
        self.expected = longer if longer < self._longest else None
        return True

    def _give_up_at(self, when: float | None) -> None:
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(when)


def _now() -> float:
    return asyncio.get_running_loop().time()
