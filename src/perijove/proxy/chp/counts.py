"""Counts: what the API was asked for, and how configurable-http-proxy names what is counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from perijove.proxy import counts
from perijove.proxy.metrics import metric


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

    def lines(self, all_in_all: counts.Counts) -> Iterator[str]:
        """Write these, and what the data plane counts, under the names of that proxy."""
        plain, upgrades = all_in_all.asked
        for name, words, number in (
            ("api_route_get", "Routes read through the API", self.got),
            ("api_route_add", "Routes added through the API", self.added),
            ("api_route_delete", "Routes deleted through the API", self.deleted),
            ("requests_web", "Requests", plain),
            ("requests_ws", "Requests for a WebSocket", upgrades),
        ):
            yield metric(name, "counter", "", words, number)
        yield metric("requests_proxy", "counter", "status", "Answers", all_in_all.by_status)
        yield metric("requests_api", "counter", "status", "Answers of the API", self.by_api_status)
