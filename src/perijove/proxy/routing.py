"""Routing: what the place for metrics answers: them to everybody, the routes for the token."""

import json
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from perijove.kit.clock import Clock
from perijove.proxy.control import Asked, Said
from perijove.proxy.credentials import shows
from perijove.proxy.edge import Edge
from perijove.proxy.metrics import Metrics
from perijove.proxy.table import Table
from perijove.proxy.tree import Route

_ROUTES = b"/api/routes"


class Routing:
    """Shows the routes as configurable-http-proxy does; nobody can change any here."""

    def __init__(self, metrics: Metrics, edge: Edge, table: Table, token: Path) -> None:
        self._metrics = metrics
        self._edge = edge
        self._table = table
        self._token = token
        """The file with the token that the proxy itself shows to the hub."""
        self._clock = Clock()

    def admit(self, asked: Asked) -> Said | None:
        """Refuse other addresses, other methods, and the routes to who has no token."""
        if asked.url.partition(b"?")[0] != _ROUTES:
            return self._metrics.admit(asked)
        if asked.method not in {"GET", "HEAD"}:
            return Said(405, b"Method not supported")
        return None if self._knows(asked) else Said(403)

    def answer(self, asked: Asked) -> Said:
        """Return the metrics or the routes."""
        if asked.url.partition(b"?")[0] != _ROUTES:
            return self._metrics.answer(asked)
        routes = {prefix: self._shown(route) for prefix, route in self._table.routes.items()}
        return Said(200, json.dumps(routes).encode(), b"application/json")

    def _knows(self, asked: Asked) -> bool:
        try:
            token = self._token.read_bytes().strip()  # it may have been changed
        except OSError:
            return False
        return shows(asked, (token,))

    def _shown(self, route: Route) -> dict[str, Any]:
        at = None
        if route.used:
            ago = self._edge.loop.time() - route.used
            at = (self._clock() - timedelta(seconds=ago)).astimezone(UTC)
        data = self._table.entries.get(route.prefix, {}).get("data")
        return {
            **(data if isinstance(data, dict) else {}),
            "target": route.target.url,
            "last_activity": at and f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        }
