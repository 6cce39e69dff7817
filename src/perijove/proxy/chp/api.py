"""Api: `/api/routes` as configurable-http-proxy answers it."""

import json
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import parse_qs

from perijove.proxy.chp.counts import Counts
from perijove.proxy.chp.routes import Routes
from perijove.proxy.control import Asked, Said
from perijove.proxy.credentials import shows
from perijove.proxy.log import Log
from perijove.proxy.refusal import Refusal

_PATH = re.compile(rb"(?:https?://[^/?]*)?/api/routes(/[^?]*)?(?:\?(.*))?")
_JSON = b"application/json"
_METHODS = ("GET", "POST", "DELETE")
_LATER = Said(503, b"Another process takes over just now. Try again.", fields=b"Retry-After: 1\r\n")


class Api:
    """Reads and changes the routes for whoever has one of `tokens`; without any, for everybody."""

    def __init__(self, routes: Routes, tokens: Sequence[bytes], counts: Counts, log: Log) -> None:
        self._routes = routes
        self._tokens = tokens
        self._counts = counts
        self._log = log
        self.closed = False
        """Whether nothing may change just now: another process takes over."""

    def admit(self, asked: Asked) -> Said | None:
        """Refuse other addresses, other methods and other tokens, in this order."""
        refusal = self._refusal(asked)
        if refusal is not None:
            self._counts.api(refusal.status)
        return refusal

    def answer(self, asked: Asked) -> Said:
        """Return the answer to a request that was let in."""
        said = self._answer(asked)
        self._counts.api(said.status)
        return said

    def _refusal(self, asked: Asked) -> Said | None:
        if not _PATH.fullmatch(asked.url):
            return Said(404, b"Not Found")
        if asked.method not in _METHODS:
            return Said(405, b"Method not supported")
        if self._tokens and not shows(asked, self._tokens):
            return Said(403)
        return _LATER if self.closed else None

    def _answer(self, asked: Asked) -> Said:
        if self.closed:
            return _LATER
        found = _PATH.fullmatch(asked.url)
        path = (found and found[1]) or b"/"
        try:
            match asked.method:
                case "POST":
                    return self._post(path, asked.body)
                case "DELETE":
                    return self._delete(path)
                case _ if path != b"/":
                    return self._get(path)
                case _:
                    return self._list((found and found[2]) or b"")
        except Refusal:
            return Said(400, b"The path has a wrong escape or a control character.")

    def _post(self, path: bytes, body: bytes) -> Said:
        try:
            data = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            return Said(400, f"Body not valid JSON: {error}".encode())
        target = data.get("target") if isinstance(data, dict) else None
        if not isinstance(target, str):
            return Said(400, b"Must specify 'target' as string")
        try:
            self._routes.add(path, data)
        except ValueError as error:
            return Said(400, f"Bad target: {error}".encode())
        self._counts.added += 1
        self._log(logging.INFO, "route-added", path=path.decode("latin-1"), target=target)
        return Said(201)

    def _delete(self, path: bytes) -> Said:
        self._counts.deleted += 1
        if not self._routes.remove(path):
            return Said(404)
        self._log(logging.INFO, "route-removed", path=path.decode("latin-1"))
        return Said(204)

    def _get(self, path: bytes) -> Said:
        route = self._routes.get(path)
        return Said(404) if route is None else _json(route)

    def _list(self, query: bytes) -> Said:
        asked = parse_qs(query.decode("latin-1"))
        since = (asked.get("inactiveSince") or asked.get("inactive_since") or [""])[0]
        self._counts.got += 1
        if not since:
            return _json(self._routes.all())
        try:
            at = datetime.fromisoformat(since)
        except ValueError:
            said = f"Invalid datestamp '{since}' must be ISO8601."
            return Said(400, said.encode())
        return _json(self._routes.all(at if at.tzinfo else at.replace(tzinfo=UTC)))


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _json(found: dict[str, Any]) -> Said:
    return Said(200, json.dumps(found).encode(), _JSON)
