"""Entries: which requests get a line in the access log, and what it says of them."""

import json
import random
import re
from dataclasses import dataclass
from datetime import UTC

from perijove.kit.clock import Clock
from perijove.proxy.access import AccessLog
from perijove.proxy.head import Request
from perijove.proxy.marks import id_of
from perijove.proxy.paths import canonical
from perijove.proxy.refusal import Refusal

_FAULT = 500
_LONGEST = 1024
_LONGEST_METHOD = 32
_SECRET = re.compile(rb"(token(?:=|%3D))[^/]*", re.IGNORECASE)
BROKEN, LEFT = "broken", "left"
"""How an answer can end too early: by its target, or because the client has gone."""


@dataclass(slots=True)
class Entry:
    """One request, from its head to the end of the answer."""

    request: Request | None
    """None: it could not be read."""
    since: float
    mark: bytes = b""
    """The line that says its id, if its request does not."""
    status: int = 0
    received: int = 0
    sent: int = 0
    end: str = ""
    """Why it was refused, or BROKEN or LEFT; empty: the answer is whole."""
    peer: str = ""
    told_for: str = ""
    """What a trusted peer says of whom it asks for."""
    route: str = ""


class Entries:
    """Keeps every refusal, fault and broken answer, and of the others a `sample` (1.0: all)."""

    def __init__(self, log: AccessLog, clock: Clock, sample: float) -> None:
        self._log = log
        self._clock = clock
        self._sample = sample

    def add(self, entry: Entry, now: float) -> None:
        """Write a line, if `entry` is to have one."""
        odd = entry.status >= _FAULT or entry.end not in {"", LEFT}
        if odd or random.random() < self._sample:  # noqa: S311 - nobody gains by guessing it
            self._log.write(self._line(entry, now))

    def _line(self, entry: Entry, now: float) -> bytes:
        """Return an object of JSON in ASCII, so that no sign of anybody's can end the line."""
        request = entry.request
        at = self._clock().astimezone(UTC)
        said: dict[str, str | int | float | bool | None] = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            "id": id_of(entry.mark or (request.mark if request else b"")),
            "method": request.method[:_LONGEST_METHOD].decode() if request else None,
            "path": path(request) if request else None,
            "status": entry.status,
            "received": entry.received,
            "sent": entry.sent,
            "seconds": round(now - entry.since, 6),
            "route": entry.route,
            "peer": entry.peer,
            "upgrade": request is not None and request.upgrade,
        }
        if entry.told_for:
            said["for"] = entry.told_for[:_LONGEST]
        if entry.end:
            said["end"] = entry.end
        return json.dumps(said).encode() + b"\n"


def path(request: Request) -> str:
    """Return its path without the query and what looks like a token, at most so long."""
    try:
        found = canonical(request.path)
    except Refusal:
        found = request.path
    text = _SECRET.sub(rb"\1***", found).decode("latin-1")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
