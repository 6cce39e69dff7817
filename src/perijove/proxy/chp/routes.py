"""Routes: those that were told through the REST API, with their data (hub.md 5.1)."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from perijove.kit.clock import Clock
from perijove.proxy.paths import canonical
from perijove.proxy.target import Target
from perijove.proxy.tree import Route, Tree


class Told(Route):
    """A route and what was said of it."""

    __slots__ = ("data",)

    def __init__(self, prefix: str, target: Target, data: dict[str, Any]) -> None:
        super().__init__(prefix, target)
        self.data = data


class Routes(Tree):
    """By their paths; `shuns` says of the address of a target whether no route leads there."""

    def __init__(
        self,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        by_host: bool,
        shuns: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(by_host=by_host)
        self._shuns = shuns
        self._clock = clock
        self._loop = loop
        self._told: dict[bytes, Told] = {}
        self.changes = 0
        self.changed = loop.time()
        """When it was last changed; at first when this process began."""

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
        self._check(str(data["target"]))
        name = unquote(path.decode("latin-1"))
        prefix = name.rstrip("/") or "/"
        given = {it: value for it, value in data.items() if it != "last_activity"}
        if self.by_host and prefix != "/":
            given["host"] = prefix.split("/")[1]
        self._lead(key, prefix, given)

    def _check(self, url: str) -> None:
        if self._shuns is None or self.knows(url):
            return
        host = urlsplit(url).hostname or ""
        if self._shuns(host):
            raise ValueError(f"{host} needs --allow-link-local: clouds tell secrets there")

    def _lead(self, key: bytes, prefix: str, data: dict[str, Any]) -> Told:
        target = self.target(str(data["target"]))
        self._change()
        known = self._told.get(key)
        if known is not None:  # the same object: WebSockets that are open say that it is used
            known.prefix, known.data, known.used = prefix, data, self._loop.time()
            self.turn(known, target)
            return known
        route = Told(prefix, target, data)
        route.used = self._loop.time()
        self._told[key] = route
        self.put(key, route)
        return route

    def remove(self, path: bytes) -> bool:
        """Take the route of `path` away; return whether there was one.

        Raises:
            Refusal: `path` is none.
        """
        route = self._told.pop(self._key(path), None)
        if route is None:
            return False
        self._change()
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

    def _change(self) -> None:
        self.changes += 1
        self.changed = self._loop.time()

    def _key(self, path: bytes) -> bytes:
        key = canonical(path if path.startswith(b"/") else b"/" + path)
        key = key.rstrip(b"/") or b"/"
        if not self.by_host or key == b"/":
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
