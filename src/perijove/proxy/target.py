"""Target: one address behind the proxy, with the idle connections to it."""

from typing import Protocol
from urllib.parse import urlsplit

_MOST_IDLE = 32
_IDLE_SECONDS = 30.0
_FRESH_SECONDS = 1.0


class Pooled(Protocol):
    """A connection that can be kept."""

    idle_since: float

    def close(self) -> None:
        """Close it; nobody waits for it."""


class Target:
    """Where requests go. Connections are used last in, first out, so that few stay warm."""

    __slots__ = ("host", "idle", "port", "retired", "url")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("a target is http://host:port")
        self.url = url
        self.host = parts.hostname
        self.port = parts.port or 80
        self.idle: list[Pooled] = []
        self.retired = False

    def take(self, now: float, *, repeatable: bool) -> Pooled | None:
        """Return a kept connection.

        One that has been idle for longer may be closed by the other side just now; a request
        that cannot be repeated must not meet that.
        """
        if not self.idle or (not repeatable and now - self.idle[-1].idle_since > _FRESH_SECONDS):
            return None
        return self.idle.pop()

    def give(self, connection: Pooled, now: float) -> None:
        """Keep `connection` for the next request, or close it if there are enough."""
        if self.retired or len(self.idle) >= _MOST_IDLE:
            connection.close()
        else:
            connection.idle_since = now
            self.idle.append(connection)

    def forget(self, connection: Pooled) -> None:
        """Drop `connection`, which has been closed by the other side."""
        if connection in self.idle:
            self.idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what nobody has used for a while."""
        while self.idle and now - self.idle[0].idle_since > _IDLE_SECONDS:
            self.idle.pop(0).close()

    def retire(self) -> None:
        """Close what is idle; what is in use is closed after its request."""
        self.retired = True
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.close()
