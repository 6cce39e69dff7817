"""X-Forwarded-*: what the next hop is told of where a request came from."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from perijove.proxy.head import Fields

_MAPPED = "::ffff:"


class TrustedPeers:
    """Addresses whose X-Forwarded-* are believed."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(text, strict=False) for text in networks]
        self._known = lru_cache(maxsize=1024)(self._lies_within)  # a browser comes six times

    def __contains__(self, address: object) -> bool:
        """Return whether `address` (text) lies in one of the networks."""
        return self._known(str(address))

    def _lies_within(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def plain_address(address: str) -> str:
    """Return an IPv4 address that came through an IPv6 socket as IPv4, without a zone."""
    return address.removeprefix(_MAPPED).partition("%")[0]


def forwarded_fields(
    fields: Fields, host: bytes, peer: bytes, *, trusted: bool, secure: bool = False
) -> bytes:
    """Return the X-Forwarded-* fields to add; cut from `fields` what they replace.

    `secure`: the request came by TLS.

    From a peer that is not trusted everything of the kind is dropped. A trusted one knows
    better than we do, so its scheme, host and port stay and we only add its address.
    """
    known: dict[bytes, bytes] = {}
    if fields.forwarded:
        fields.cuts.extend(fields.forwarded)
        if trusted:
            known = {name: it for name, it in fields.named.items() if _is_told(name)}
    before = known.pop(b"x-forwarded-for", b"")
    proto = known.pop(b"x-forwarded-proto", b"https" if secure else b"http")
    told_host = known.pop(b"x-forwarded-host", host)
    port = known.pop(b"x-forwarded-port", b"") or _port(told_host, proto)
    told_for = b", ".join(it for it in (before, peer) if it)
    lines = b"X-Forwarded-For: %b\r\n" % told_for if told_for else b""
    lines += b"X-Forwarded-Proto: %b\r\n" % proto
    lines += b"X-Forwarded-Host: %b\r\nX-Forwarded-Port: %b\r\n" % (told_host, port)
    for name, value in known.items():
        lines += b"%b: %b\r\n" % (name.title(), value)
    return lines


_TOLD = frozenset(
    b"x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port"
    b" x-forwarded-prefix forwarded x-real-ip x-scheme".split()
)


def _is_told(name: bytes) -> bool:
    """Return whether a field of a peer that is trusted is passed on; '_' is not '-'."""
    return name in _TOLD or (name.startswith(b"x-forwarded-") and b"_" not in name)


def _port(host: bytes, proto: bytes) -> bytes:
    _, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        return port
    return b"443" if proto.lower() in (b"https", b"wss") else b"80"
