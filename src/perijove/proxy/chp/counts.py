"""Counts: what is measured, under the names of configurable-http-proxy."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Raised by whoever does it; read when somebody asks."""

    got: int = 0
    added: int = 0
    deleted: int = 0
    by_api_status: Counter[int] = field(default_factory=Counter)

    def api(self, status: int) -> None:
        """Count one answer of the API."""
        self.by_api_status[status] += 1
