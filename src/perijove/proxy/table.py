"""Table: which target a path belongs to, and its copy on disk."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from perijove.proxy.paths import canonical
from perijove.proxy.refusal import Refusal
from perijove.proxy.target import Target

Entries = dict[str, dict[str, Any]]
"""Canonical prefix -> {"target": ..., "data": {...}}, as the feed sends it."""


class Route:
    """Requests below `prefix` go to `target`; `used` is when, in seconds of the loop's clock."""

    __slots__ = ("prefix", "target", "told", "used")

    def __init__(self, prefix: str, target: Target) -> None:
        self.prefix = prefix
        self.target = target
        self.used = 0.0
        self.told = 0.0


class _Node:
    __slots__ = ("below", "route")

    def __init__(self) -> None:
        self.route: Route | None = None
        self.below: dict[bytes, _Node] = {}


class Damaged(Exception):
    """A table or a delta makes no sense, or its checksum is another."""


class Table:
    """The longest prefix wins, by path segments. What no other route has goes to the hub.

    A change is checked as a whole before any of it is seen, and made without an await.
    """

    def __init__(self, hub: str) -> None:
        self.version: int | None = None
        self.entries: Entries = {}
        self.routes: dict[str, Route] = {}
        self._targets: dict[str, Target] = {}
        self._hub = hub
        self._top = _Node()
        self._depth = 1
        self._top.route = self._route("/", hub)

    def match(self, path: bytes) -> Route:
        """Return the route of a canonical `path`."""
        node: _Node | None = self._top
        best = self._top.route
        for part in path.split(b"/", self._depth)[1:]:
            node = node.below.get(part) if node else None
            if node is None:
                break
            best = node.route or best
        if best is None:
            raise LookupError("the top always has a route")
        return best

    def replace(self, version: int, entries: Entries, digest: str) -> None:
        """Take a whole table.

        Raises:
            Damaged: nothing has been changed.
        """
        self._check(entries, digest)
        gone = self.entries.keys() - entries.keys()
        self._change(entries, gone)
        self.version, self.entries = version, entries

    def amend(self, version: int, changed: Entries, gone: Iterable[str], digest: str) -> None:
        """Take a change to the table.

        Raises:
            Damaged: nothing has been changed.
        """
        entries = {**self.entries, **changed}
        leaving = [prefix for prefix in gone if entries.pop(prefix, None) is not None]
        self._check(entries, digest)
        self._change(changed, leaving)
        self.version, self.entries = version, entries

    def targets(self) -> Iterable[Target]:
        """Return every target in use."""
        return self._targets.values()

    def _check(self, entries: Entries, digest: str) -> None:
        if checksum(entries) != digest:
            raise Damaged("checksum")

    def _change(self, changed: Entries, gone: Iterable[str]) -> None:
        for prefix in gone:
            self._remove(prefix)
        for prefix, entry in changed.items():
            target = entry["target"]
            known = self.routes.get(prefix)
            if prefix != "/" and (known is None or known.target.url != target):
                self._put(prefix, target)
        self._retire()

    def _put(self, prefix: str, target: str) -> None:
        try:
            parts = _parts(prefix)
            route = self._route(prefix, target)
        except (Refusal, ValueError):
            # a route that nobody can follow: its requests go to the hub, which can say so
            self._remove(prefix)
            return
        node = self._top
        for part in parts:
            node = node.below.setdefault(part, _Node())
        node.route = route
        self._depth = max(self._depth, len(parts) + 1)

    def _remove(self, prefix: str) -> None:
        if prefix == "/" or self.routes.pop(prefix, None) is None:
            return
        node, trail = self._top, []
        for part in _parts(prefix):
            trail.append((node, part))
            node = node.below[part]
        node.route = None
        for parent, part in reversed(trail):
            if parent.below[part].route is not None or parent.below[part].below:
                break
            del parent.below[part]

    def _route(self, prefix: str, target: str) -> Route:
        known = self._targets.get(target)
        if known is None:
            known = self._targets[target] = Target(target)
        route = Route(prefix, known)
        before = self.routes.get(prefix)
        if before is not None:
            route.used, route.told = before.used, before.told
        self.routes[prefix] = route
        return route

    def _retire(self) -> None:
        wanted = {route.target.url for route in self.routes.values()}
        for url in self._targets.keys() - wanted:
            self._targets.pop(url).retire()


def _parts(prefix: str) -> list[bytes]:
    return canonical(prefix.encode()).strip(b"/").split(b"/")


def checksum(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what hub and proxy compare: SHA-256 over the sorted prefixes and targets.

    Raises:
        Damaged: the entries are not a table.
    """
    try:
        targets = {prefix: entries[prefix]["target"] for prefix in sorted(entries)}
        text = "".join([f"{prefix}\0" + target + "\n" for prefix, target in targets.items()])
    except (KeyError, TypeError) as error:
        raise Damaged("shape") from error
    return hashlib.sha256(text.encode()).hexdigest()
