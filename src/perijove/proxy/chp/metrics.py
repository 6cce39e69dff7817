"""Metrics for Prometheus, under the names of configurable-http-proxy where it has one."""

from collections.abc import Iterator

from perijove.proxy.chp.counts import Counts
from perijove.proxy.chp.routes import Routes
from perijove.proxy.control import Asked, Said
from perijove.proxy.edge import Edge

_KIND = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Reads what has been counted."""

    def __init__(self, counts: Counts, edge: Edge, routes: Routes) -> None:
        self._counts = counts
        self._edge = edge
        self._routes = routes

    def admit(self, asked: Asked) -> Said | None:
        """Refuse all but one address."""
        if asked.url.partition(b"?")[0] != b"/metrics":
            return Said(404, b"Not Found")
        return None if asked.method in {"GET", "HEAD"} else Said(405, b"Method not supported")

    def answer(self, asked: Asked) -> Said:  # noqa: ARG002 - there is one question only
        """Write all of them in Prometheus's text format."""
        return Said(200, "".join(self._lines()).encode(), _KIND)

    def _lines(self) -> Iterator[str]:
        counts, edge = self._counts, self._edge
        yield _counter("api_route_get", "Routes read through the API", counts.got)
        yield _counter("api_route_add", "Routes added through the API", counts.added)
        yield _counter("api_route_delete", "Routes deleted through the API", counts.deleted)
        yield _counter("requests_web", "Requests", edge.asked[False])
        yield _counter("requests_ws", "Requests for a WebSocket", edge.asked[True])
        by_status = {"requests_proxy": ("Answers", edge.by_status),
                     "requests_api": ("Answers of the API", counts.by_api_status)}  # fmt: skip
        for name, (what, found) in by_status.items():
            yield _head(name, what, "counter")
            for status, number in sorted(found.items()):
                yield f'{name}{{status="{status}"}} {number}\n'
        yield _gauge("perijove_proxy_routes", "Routes", len(self._routes))
        yield _gauge("perijove_proxy_connections", "Open connections", len(edge.visitors))


def _head(name: str, what: str, kind: str) -> str:
    return f"# HELP {name} {what}.\n# TYPE {name} {kind}\n"


def _counter(name: str, what: str, number: int) -> str:
    return f"{_head(name, what, 'counter')}{name} {number}\n"


def _gauge(name: str, what: str, number: int) -> str:
    return f"{_head(name, what, 'gauge')}{name} {number}\n"
