"""Entries: which requests get a line in the access log, and what it says of them."""

import json
import random
import re
import time
from dataclasses import dataclass

from perijove.kit.clock import Clock
from perijove.proxy.access import AccessLog
from perijove.proxy.head import Request
from perijove.proxy.paths import canonical
from perijove.proxy.refusal import Refusal

_FAULT = 500
_LONGEST = 1024
_LONGEST_METHOD = 32
_SECRET = re.compile(rb"(token(?:=|%3D))[^/]*", re.IGNORECASE)
_quoted = json.JSONEncoder().encode
BROKEN, LEFT = "broken", "left"
"""How an answer can end too early: by its target, or because the client has gone."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request, when its answer has ended."""

    request: Request | None
    """None: it could not be read."""
    id: str
    status: int
    received: int
    sent: int
    seconds: float
    route: str
    peer: str
    told_for: str
    """What a trusted peer says of whom it asks for."""
    end: str
    """Why it was refused, or BROKEN or LEFT; empty: the answer is whole."""


class Entries:
    """Keeps every refusal, fault and broken answer, and of the others a `sample` (1.0: all)."""

    def __init__(self, log: AccessLog, clock: Clock, sample: float) -> None:
        self._log = log
        self._zero = clock().timestamp() - time.monotonic()
        self._sample = sample
        self._second, self._text = -1, ""

    def wants(self, status: int, end: str) -> bool:
        """Return whether what ended so is to have a line; of most, chance decides."""
        if status >= _FAULT or end not in {"", LEFT}:
            return True
        return random.random() < self._sample  # noqa: S311 - nobody gains by guessing it

    def add(self, it: Entry) -> None:
        """Write a line: an object of JSON in ASCII, so that nobody's sign can end it."""
        request = it.request
        method = _quoted(request.method[:_LONGEST_METHOD].decode()) if request else "null"
        shown = _quoted(path(request)) if request else "null"
        upgrade = "true" if request and request.upgrade else "false"
        told_for = f', "for": {_quoted(it.told_for[:_LONGEST])}' if it.told_for else ""
        end = f', "end": {_quoted(it.end)}' if it.end else ""
        line = (
            f'{{"time": "{self._now()}", "id": {_quoted(it.id)}, "method": {method},'
            f' "path": {shown}, "status": {it.status}, "received": {it.received},'
            f' "sent": {it.sent}, "seconds": {it.seconds:.6f}, "route": {_quoted(it.route)},'
            f' "peer": {_quoted(it.peer)}, "upgrade": {upgrade}{told_for}{end}}}\n'
        )
        self._log.write(line.encode())

    def _now(self) -> str:
        """Return the time in UTC; most of it is that of the line before."""
        now = self._zero + time.monotonic()
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((now - second) * 1000):03}Z"


def path(request: Request) -> str:
    """Return its path as it was sent, without query and tokens, and not too much of it."""
    found = request.path
    if b"%" in found or b"token" in found.lower():
        found = _without_secrets(found)
    text = found.decode("latin-1")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _without_secrets(found: bytes) -> bytes:
    try:
        plain = canonical(found)  # who has written 'token' with escapes has said it as well
    except Refusal:
        plain = found
    return _SECRET.sub(rb"\1***", plain if _SECRET.search(plain) else found)
