"""Routes: those that were told through the REST API, with their data (hub.md 5.1)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from perijove.kit.clock import Clock
from perijove.proxy.paths import canonical
from perijove.proxy.target import Target
from perijove.proxy.tree import Route, Tree


class Told(Route):
    """A route and what was said of it."""

    __slots__ = ("data", "path")

    def __init__(self, prefix: str, target: Target, path: bytes, data: dict[str, Any]) -> None:
        super().__init__(prefix, target)
        self.path = path
        self.data = data


class Routes(Tree):
    """By their paths, as they were told."""

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop, *, by_host: bool) -> None:
        super().__init__(by_host=by_host)
        self._clock = clock
        self._loop = loop
        self._told: dict[bytes, Told] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._told)

    def add(self, path: bytes, data: dict[str, Any]) -> None:
        """Lead `path` (of a URL) to `data["target"]`, in the place of what it led to before.

        Raises:
            Refusal: `path` is none.
            ValueError: the target is none.
        """
        key = self._key(path)
        name = unquote(path.decode("latin-1"))
        prefix = name.rstrip("/") or "/"
        given = {it: value for it, value in data.items() if it != "last_activity"}
        if self._by_host and prefix != "/":
            given["host"] = prefix.split("/")[1]
        self._lead(key, prefix, given)

    def _lead(self, key: bytes, prefix: str, data: dict[str, Any]) -> Told:
        target = self.target(str(data["target"]))
        known = self._told.get(key)
        if known is not None:  # the same object: WebSockets that are open say that it is used
            self.turn(known, target)
            known.prefix, known.data, known.used = prefix, data, self._loop.time()
            return known
        route = Told(prefix, target, key, data)
        route.used = self._loop.time()
        self._told[key] = route
        self.put(key, route)
        if self._by_host:  # the host is no part of what a request asks for
            route.depth = max(0, route.depth - 1)
        return route

    def remove(self, path: bytes) -> bool:
        """Take the route of `path` away; return whether there was one.

        Raises:
            Refusal: `path` is none.
        """
        route = self._told.pop(self._key(path), None)
        if route is None:
            return False
        self.cut(route.path, route)
        return True

    def get(self, path: bytes) -> dict[str, Any] | None:
        """Return what is known of the route of `path`, or None.

        Raises:
            Refusal: `path` is none.
        """
        route = self._told.get(self._key(path))
        return None if route is None else self._shown(route)

    def all(self, inactive_since: datetime | None = None) -> dict[str, dict[str, Any]]:
        """Return every route, by its path in plain letters; or those not used since then."""
        some = self._told.values()
        return {
            route.prefix: self._shown(route)
            for route in some
            if inactive_since is None or self._at(route) < inactive_since
        }

    def dumped(self) -> bytes:
        """Return all of them for another process, with how long ago each was used."""
        now = self._loop.time()
        told = [(it.path.decode(), it.prefix, it.data, now - it.used) for it in self._told.values()]
        return json.dumps(told).encode()

    def load(self, dumped: bytes) -> None:
        """Take what another process has told."""
        for path, prefix, data, ago in json.loads(dumped):
            self._lead(path.encode(), prefix, data).used = self._loop.time() - ago

    def _key(self, path: bytes) -> bytes:
        key = canonical(path if path.startswith(b"/") else b"/" + path)
        key = key.rstrip(b"/") or b"/"
        if not self._by_host or key == b"/":
            return key
        host, slash, rest = key[1:].partition(b"/")
        return b"/" + host.lower() + slash + rest

    def _shown(self, route: Told) -> dict[str, Any]:
        at = self._at(route).astimezone(UTC)
        return {
            **route.data,
            "last_activity": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        }

    def _at(self, route: Told) -> datetime:
        return self._clock() - timedelta(seconds=self._loop.time() - route.used)
