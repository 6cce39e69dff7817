"""Rarely: what is worth doing now and then, and not every time."""

from datetime import datetime, timedelta


class Rarely:
    """Says that it is time once in so long; the first time it always is."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._last: datetime | None = None

    def __call__(self, now: datetime) -> bool:
        """Return whether it is time again; then the next time is `every` later."""
        if self._last is not None and abs(now - self._last) < self._every:
            return False
        self._last = now
        return True
