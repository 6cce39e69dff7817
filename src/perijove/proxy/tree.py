"""Tree: which route a path belongs to. The longest prefix wins, by path segments."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from perijove.proxy.paths import canonical
from perijove.proxy.target import Target


class Route:
    """Requests below `prefix` go to `target`; `used` is when, in seconds of the loop's clock."""

    __slots__ = ("depth", "path", "prefix", "target", "told", "used")

    def __init__(self, prefix: str, target: Target) -> None:
        self.prefix = prefix
        self.target = target
        self.path = b"/"
        """Where it is in the tree."""
        self.depth = 0
        """Of how many segments the prefix is."""
        self.used = 0.0
        self.told = 0.0


Changed: TypeAlias = Callable[[bytes, Route | None], None]
"""Hears of a path and the route that it leads to now, or that it leads nowhere any more."""


class _Node:
    __slots__ = ("below", "route")

    def __init__(self) -> None:
        self.route: Route | None = None
        self.below: dict[bytes, _Node] = {}


class Tree:
    """Routes by the segments of their prefixes, and one `Target` for each address they lead to.

    `by_host`: the first segment of each prefix but "/" is the host that is asked for.
    """

    def __init__(self, *, by_host: bool = False) -> None:
        self.by_host = by_host
        self.observer: Changed | None = None
        self._targets: dict[str, Target] = {}
        self._top = _Node()
        self._depth = 1

    def match(self, path: bytes, host: bytes = b"") -> Route | None:
        """Return the route of a canonical `path` on `host`, or None: no route leads there."""
        if self.by_host:
            path = b"/%b%b" % (_bare(host), path)
        node: _Node | None = self._top
        best = self._top.route
        for part in path.split(b"/", self._depth)[1:]:
            node = node.below.get(part) if node else None
            if node is None:
                break
            best = node.route or best
        return best

    def at(self, path: bytes) -> Route | None:
        """Return the route of exactly this canonical `path`, or None."""
        node: _Node | None = self._top
        for part in segments(path):
            node = node.below.get(part) if node else None
        return node.route if node else None

    def each(self) -> Iterator[Route]:
        """Return every route."""
        nodes = [self._top]
        while nodes:
            node = nodes.pop()
            nodes.extend(node.below.values())
            if node.route is not None:
                yield node.route

    def targets(self) -> Iterable[Target]:
        """Return every target in use."""
        return self._targets.values()

    def knows(self, url: str) -> bool:
        """Return whether that is the address of a target in use."""
        return url in self._targets

    def target(self, url: str) -> Target:
        """Return the target of that address.

        Raises:
            ValueError: it is no address of a target.
        """
        known = self._targets.get(url)
        if known is None:
            known = self._targets[url] = Target(url)
        return known

    def put(self, path: bytes, route: Route, before: Route | None = None) -> None:
        """Have `route` answer for a canonical `path`, in the place of `before`."""
        parts = segments(path)
        node = self._top
        for part in parts:
            node = node.below.setdefault(part, _Node())
        node.route = route
        route.path = path
        # the host is no part of what a request asks for
        route.depth = max(0, len(parts) - self.by_host)
        self._depth = max(self._depth, len(parts) + 1)
        route.target.uses += 1
        if before is not None:
            self._release(before.target)
        self._tell(path, route)

    def cut(self, path: bytes, route: Route) -> None:
        """Take `route` away from `path`."""
        self._release(route.target)
        node, trail = self._top, []
        for part in segments(path):
            if part not in node.below:
                return  # another prefix of the same path took its place, and has gone
            trail.append((node, part))
            node = node.below[part]
        if node.route is not route:
            return
        node.route = None
        self._tell(path, None)
        for parent, part in reversed(trail):
            if parent.below[part].route is not None or parent.below[part].below:
                break
            del parent.below[part]

    def turn(self, route: Route, target: Target) -> None:
        """Have `route` lead to `target` from now on."""
        target.uses += 1
        route.target, before = target, route.target
        self._release(before)
        self._tell(route.path, route)

    def _tell(self, path: bytes, route: Route | None) -> None:
        if self.observer is not None:
            self.observer(path, route)

    def _release(self, target: Target) -> None:
        """Close what is kept to `target` once no route leads there any more."""
        target.uses -= 1
        if not target.uses:
            del self._targets[target.url]
            target.retire()


def segments(path: bytes) -> list[bytes]:
    """Return the segments of a canonical `path`; none of '/'."""
    bare = path.strip(b"/")
    return bare.split(b"/") if bare else []


def canonical_prefix(prefix: str) -> bytes:
    """Return the canonical path of a prefix in text.

    Raises:
        Refusal: it has none.
    """
    return canonical(prefix.encode())


def _bare(host: bytes) -> bytes:
    """Return the host without a port."""
    if host.startswith(b"["):
        return host.partition(b"]")[0].lower() + b"]"
    return host.partition(b":")[0].lower()
