"""What was read a moment ago, so that a hot path reads nothing; forgotten with every write."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH = timedelta(seconds=0.5)
"""How long another replica's write may go unnoticed; a server believes us for as long again."""
_MOST = 20_000


class Shelf(Generic[T]):
    """One kind of things, by the digest of the secret that shows them."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, T]] = {}
        self.times_cleared = 0

    def get(self, key: str, now: datetime) -> T | None:
        """Return what was put there less than half a second ago, or None."""
        kept = self._kept.get(key)
        return kept[1] if kept and now - kept[0] < FRESH else None

    def put(self, key: str, value: T, read_at: datetime, times_cleared: int) -> None:
        """Keep `value`, unless the shelf was cleared while it was being read."""
        if times_cleared == self.times_cleared:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = (read_at, value)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.times_cleared += 1


@dataclass(frozen=True, slots=True)
class Memory:
    """All shelves of a hub."""

    _shelves: list[Shelf[object]] = field(default_factory=list[Shelf[object]])

    def add(self, shelf: "Shelf[T]") -> "Shelf[T]":
        """Return `shelf`, which is cleared with the others from now on."""
        self._shelves.append(shelf)  # type: ignore[arg-type]  # only ever cleared
        return shelf

    def forget(self) -> None:
        """Forget everything: somebody's standing, roles, sessions or tokens have changed."""
        for shelf in self._shelves:
            shelf.clear()
