"""Table: which target a path belongs to, and its copy on disk."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from perijove.proxy.refusal import Refusal
from perijove.proxy.tree import Route, Tree, canonical_prefix, segments

Entries = dict[str, dict[str, Any]]
"""Canonical prefix -> {"target": ..., "data": {...}}, as the feed sends it."""


class Damaged(Exception):
    """A table or a delta makes no sense, or its checksum is another."""


class Table(Tree):
    """The routes that the hub tells. What no other route has goes to the hub itself.

    A change is checked as a whole before any of it is seen, and made without an await.
    """

    def __init__(self, hub: str, *, by_host: bool = False) -> None:
        super().__init__(by_host=by_host)
        self.version: int | None = None
        self.entries: Entries = {}
        self.routes: dict[str, Route] = {}
        self.routes["/"] = Route("/", self.target(hub))
        self.put(b"/", self.routes["/"])

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
                self._lead(prefix, target)

    def _lead(self, prefix: str, target: str) -> None:
        try:
            path = canonical_prefix(prefix)
            if not segments(path):
                raise ValueError("another name of the top")
            route = Route(prefix, self.target(target))
        except (Refusal, ValueError):
            # a route that nobody can follow: its requests go to the hub, which can say so
            self._remove(prefix)
            return
        before = self.routes.get(prefix)
        if before is not None:
            route.used, route.told = before.used, before.told
        self.routes[prefix] = route
        self.put(path, route, before)

    def _remove(self, prefix: str) -> None:
        route = self.routes.pop(prefix, None) if prefix != "/" else None
        if route is not None:
            self.cut(canonical_prefix(prefix), route)


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
