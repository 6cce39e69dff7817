"""Timings: how long requests have taken, counted as cheaply as a histogram can be."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, of the buckets; one more is for all that took longer."""
Labels: TypeAlias = tuple[str, str, int]
"""Method, template of the path, status."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Counted:
    """One histogram."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


class Timings:
    """One histogram for every kind of request."""

    def __init__(self) -> None:
        self.reports = 0
        """How often a browser has told that a page broke its policy."""
        self._counted: dict[Labels, Counted] = {}

    def note(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one request."""
        labels = (method if method in _METHODS else "", template, status)
        counted = self._counted.get(labels)
        if counted is None:
            counted = self._counted[labels] = Counted()
        counted.buckets[bisect_left(BOUNDS, seconds)] += 1
        counted.seconds += seconds

    @property
    def counted(self) -> Mapping[Labels, Counted]:
        """Everything counted so far."""
        return self._counted
