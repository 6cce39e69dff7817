"""Outward: the heads that leave the proxy, for the next hop and back to who asked."""

import re
from urllib.parse import urlsplit

from perijove.proxy.edge import Edge
from perijove.proxy.forwarded import forwarded_fields
from perijove.proxy.head import Request, Response
from perijove.proxy.marks import NAME, fresh, mark
from perijove.proxy.paths import has_dots, without_dots
from perijove.proxy.target import authority
from perijove.proxy.tree import Route

CLOSE = b"Connection: close\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_LEADS_ON = frozenset((201, 301, 302, 307, 308))
_STRICT = b"strict-transport-security"
_BAD = re.compile(r"[^!-~]")


class Outward:
    """Writes them for the requests of one connection."""

    __slots__ = ("_edge", "_known", "_known_host", "_peer", "_secure", "_strict", "trusted")

    def __init__(self, edge: Edge, peer: str, *, secure: bool) -> None:
        self._edge = edge
        self._peer = peer.encode()
        self.trusted = not peer or peer in edge.trusted  # '': by a socket of this machine
        """Whether what the client says of others is believed."""
        self._secure = secure
        self._strict = edge.strict if secure else b""
        self._known = b""
        self._known_host: bytes | None = None

    def mark(self, request: Request) -> bytes:
        """Return the line that says the id of `request`."""
        if not request.fields.forwarded:  # where one that was told would be
            return fresh()
        return mark(request.fields, trusted=self.trusted)

    def request(self, request: Request, route: Route) -> bytes:
        """Return the head of `request` for the target of `route`."""
        url = request.url
        if has_dots(request.path):
            url = without_dots(request.path) + url[len(request.path) :]
        extra = self._forwarded(request) + request.mark
        if request.upgrade:
            extra += UPGRADE
        if not self._edge.plain or route.target.base:
            url, extra = self._rewritten(request, route, url, extra)
        return request.outgoing(url, extra)

    def response(self, response: Response, request: Request | None, route: Route | None) -> bytes:
        """Return the fields to add to an answer, also in place of those cut from it."""
        if request is None:
            return b""
        extra = b"" if NAME in response.fields.named else request.mark
        if self._edge.relocates and route is not None:
            extra += self._relocated(response, request, route)
        if self._strict:
            if _STRICT in response.fields.head.lower():  # who owns one path speaks for no other
                response.fields.cut({_STRICT})
            extra += self._strict
        return extra

    def _relocated(self, response: Response, request: Request, route: Route) -> bytes:
        """Return the field Location, if it has to be another."""
        manner = self._edge.manner
        if response.status not in _LEADS_ON:
            return b""
        try:
            parts = urlsplit(response.fields.value(b"location").decode("latin-1"))
            if authority(parts) != route.target.authority:
                return b""
        except ValueError:  # no address at all
            return b""
        if manner.auto_rewrite and request.host:
            parts = parts._replace(netloc=request.host.decode("latin-1"))
        if manner.protocol_rewrite:
            parts = parts._replace(scheme=manner.protocol_rewrite)
        response.fields.cut({b"location"})
        return b"Location: %b\r\n" % _BAD.sub("", parts.geturl()).encode()

    def _forwarded(self, request: Request) -> bytes:
        """Return the X-Forwarded-* fields; for most of a connection's life the same."""
        if not request.fields.forwarded and request.host == self._known_host:
            return self._known
        if not self._edge.manner.forwarded:
            request.fields.cuts.extend(() if self.trusted else request.fields.forwarded)
            return b""
        fields, trusted, secure = request.fields, self.trusted, self._secure
        lines = forwarded_fields(fields, request.host, self._peer, trusted=trusted, secure=secure)
        if not fields.forwarded:
            self._known, self._known_host = lines, request.host
        return lines

    def _rewritten(
        self, request: Request, route: Route, url: bytes, extra: bytes
    ) -> tuple[bytes, bytes]:
        manner, target = self._edge.manner, route.target
        if not manner.include_prefix:
            url = _below(url, route.depth)
        if manner.prepend_path and target.base:
            url = target.base + url
        replaced = {name.lower() for name in manner.custom}
        extra = b"".join(it for it in extra.splitlines(keepends=True) if _name(it) not in replaced)
        if manner.change_origin and b"host" not in replaced:
            replaced.add(b"host")
            extra += b"Host: %b\r\n" % target.authority
        request.fields.cut(replaced)
        for name, value in manner.custom.items():
            extra += b"%b: %b\r\n" % (name, value)
        return url, extra


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _below(url: bytes, depth: int) -> bytes:
    """Return `url` without its first `depth` segments."""
    path, mark, query = url.partition(b"?")
    rest = path.split(b"/", depth + 1)[depth + 1 :]
    return b"/" + b"".join(rest) + mark + query
