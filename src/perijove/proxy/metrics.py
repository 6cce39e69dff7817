"""Metrics: what is counted, in the text format of Prometheus 0.0.4."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeAlias

from perijove.proxy.control import Asked, Said
from perijove.proxy.counts import BOUNDS, Counts

_KIND = b"text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "perijove_proxy_"
OURS = {
    "requests_total": ("counter", "status", "Answers to what was not refused"),
    "websocket_requests_total": ("counter", "", "Requests for a WebSocket"),
    "response_seconds": ("histogram", "", "Seconds from a request to the head of its answer"),
    "refused_total": ("counter", "reason", "Requests not passed on, and clients given up"),
    "upstream_errors_total": ("counter", "cause", "Requests that got no whole answer of a target"),
    "received_bytes_total": ("counter", "", "Bytes of bodies and frames from clients"),
    "sent_bytes_total": ("counter", "", "Bytes of bodies and frames to clients"),
    "connections": ("gauge", "", "Open connections of clients"),
    "websockets": ("gauge", "", "Open WebSockets"),
    "draining": ("gauge", "", "Whether this process ends once its connections have"),
    "tls_handshakes_total": ("counter", "result", "Handshakes of clients with TLS"),
    "upstream_connections_total": ("counter", "", "Connections to targets that were made"),
    "upstream_reuses_total": ("counter", "", "Requests that went by a connection made before"),
    "idle_upstreams": ("gauge", "", "Connections to targets that wait for a request"),
    "routes": ("gauge", "", "Routes"),
    "table_version": ("gauge", "", "Version of the table of routes; -1: none has come"),
    "table_age_seconds": ("gauge", "", "Seconds since the routes last changed, or since the start"),
    "access_log_dropped_total": ("counter", "", "Lines that the access log lacks"),
    "hub_silence_seconds": ("gauge", "", "Seconds since the hub last told of routes"),
}  # fmt: skip
"""Kind, label and words of each, without its prefix."""
More: TypeAlias = Callable[[Counts], Iterable[str]]
"""Lines of whoever has more to tell."""


class Metrics:
    """Answers `/metrics`."""

    def __init__(self, counted: Callable[[], Counts], more: More) -> None:
        self._counted = counted
        self._more = more

    def admit(self, asked: Asked) -> Said | None:
        """Refuse all but one address."""
        if asked.url.partition(b"?")[0] != b"/metrics":
            return Said(404, b"Not Found")
        return None if asked.method in {"GET", "HEAD"} else Said(405, b"Method not supported")

    def answer(self, asked: Asked) -> Said:  # noqa: ARG002 - there is one question only
        """Write all of them."""
        counts = self._counted()
        return Said(200, "".join([*_lines(counts), *self._more(counts)]).encode(), _KIND)


def _lines(counts: Counts) -> Iterator[str]:
    yield ours("requests_total", counts.by_status)
    yield ours("websocket_requests_total", counts.asked[True])
    yield from _times(counts)
    yield ours("refused_total", counts.refused)
    yield ours("upstream_errors_total", counts.failed)
    yield ours("received_bytes_total", counts.received)
    yield ours("sent_bytes_total", counts.sent)
    yield ours("connections", counts.connections)
    yield ours("websockets", counts.websockets)
    yield ours("draining", int(counts.draining > 0))
    yield ours("tls_handshakes_total", counts.handshakes)
    yield ours("upstream_connections_total", counts.made)
    yield ours("upstream_reuses_total", counts.reused)
    yield ours("idle_upstreams", counts.idle)
    yield ours("access_log_dropped_total", counts.dropped)


def _times(counts: Counts) -> Iterator[str]:
    name = f"{_PREFIX}response_seconds"
    yield _head(name, *OURS["response_seconds"])
    below = list(accumulate(counts.buckets))
    for bound, number in zip((*BOUNDS, "+Inf"), below, strict=True):
        yield f'{name}_bucket{{le="{bound}"}} {number}\n'
    yield f"{name}_sum {counts.seconds}\n{name}_count {below[-1]}\n"


def ours(name: str, found: float | Mapping[str, int] | Mapping[int, int]) -> str:
    """Return one of `OURS`, with its values by label or its only one."""
    return metric(_PREFIX + name, *OURS[name], found)


def metric(
    name: str,
    kind: str,
    label: str,
    words: str,
    found: float | Mapping[str, int] | Mapping[int, int],
) -> str:
    """Return a metric with its values by label or its only one."""
    head = _head(name, kind, label, words)
    if not isinstance(found, Mapping):
        return f"{head}{name} {found}\n"
    rows = sorted((str(it), number) for it, number in found.items())
    return head + "".join(f'{name}{{{label}="{it}"}} {number}\n' for it, number in rows)


def _head(name: str, kind: str, _label: str, words: str) -> str:
    return f"# HELP {name} {words}.\n# TYPE {name} {kind}\n"
