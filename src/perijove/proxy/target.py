"""Target: one address behind the proxy, with the idle connections to it."""

import re
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

_MOST_IDLE = 128
"""As many as ask one target at once in a crowd: those above it connect anew each time."""
_IDLE_SECONDS = 30.0
_FRESH_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}
_UNIX = frozenset(("http+unix", "unix+http"))
_PLAIN = re.compile(r"[!-~]+")
"""Nothing that could end a line of a head."""


class Pooled(Protocol):
    """A connection that can be kept."""

    idle_since: float

    def abandon(self) -> None:
        """Close it at once; nobody waits for it."""


def authority(parts: SplitResult) -> bytes:
    """Return host and port as Host says them: in small letters, no port where it is the usual one.

    Raises:
        ValueError: they are none.
    """
    host, port = parts.hostname or "", parts.port
    host = f"[{host}]" if ":" in host else host
    usual = port is None or port == _PORTS.get(parts.scheme)
    return (host if usual else f"{host}:{port}").encode("latin-1")


class Target:
    """Where requests go. Connections are used last in, first out, so that few stay warm.

    `http://host[:port][/base]`, the same with https, or `http+unix://%2Fpath%2Fof%2Fsocket[/base]`
    (also `unix+http`), whose path is percent-encoded as a host.
    """

    __slots__ = (
        "authority",
        "base",
        "host",
        "idle",
        "port",
        "retired",
        "socket",
        "tls",
        "url",
        "uses",
    )

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        unix = parts.scheme in _UNIX
        known = parts.netloc if unix else parts.scheme in _PORTS and parts.hostname
        if not known or not _PLAIN.fullmatch(url):
            raise ValueError("a target is http://host:port, https://… or http+unix://%2Fsocket")
        if parts.query or parts.fragment:
            raise ValueError("a target has no ? and no #")
        self.url = url
        self.tls = parts.scheme == "https"
        self.socket = unquote(parts.netloc) if unix else ""
        self.host = "" if unix else parts.hostname or ""
        self.port = 0 if unix else parts.port or _PORTS[parts.scheme]
        self.authority = b"localhost" if unix else authority(parts)
        """What the field Host says to the target itself."""
        self.base = parts.path.rstrip("/").encode()
        """What every path there begins with; empty: nothing."""
        self.idle: list[Pooled] = []
        self.retired = False
        self.uses = 0
        """How many routes lead here."""

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
            connection.abandon()
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
            self.idle.pop(0).abandon()

    def retire(self) -> None:
        """Close what is idle; what is in use is closed after its request."""
        self.retired = True
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.abandon()
