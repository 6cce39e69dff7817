"""SignIns: how often one address may sign in, so that a flood of them does not reach the hub."""

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

from perijove.proxy.crowd import network
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.head import Request
from perijove.proxy.refusal import Refusal

_PATHS = (b"/hub/login", b"/hub/signup")
"""Of whatever base path; what else costs the hub a password hash asks for a session first."""
_MINUTE = 60.0
_MOST = 10_000
"""Addresses that are remembered; of more the one that came longest ago is forgotten."""


class SignIns:
    """Counts by address of the client, of a trusted proxy by what that one says.

    As many as are allowed in a minute may come at once: a class does. An address is remembered
    by the time at which all it has had is paid back (the generic cell rate algorithm).
    """

    def __init__(self, in_minute: float, trusted: TrustedPeers, now: Callable[[], float]) -> None:
        self._each = _MINUTE / in_minute
        self._trusted = trusted
        self._now = now
        self._paid = OrderedDict[str, float]()

    def check(self, request: Request, path: bytes, peer: str) -> None:
        """Let a request pass unless it is a sign-in too many.

        Raises:
            Refusal: it is, and says when there is another.
        """
        if request.method != b"POST" or not path.rstrip(b"/").endswith(_PATHS):
            return
        address = self._client(request, peer) if self._each else ""
        wait = self._wait(network(address)) if address else 0.0
        if wait:
            accept = request.fields.value(b"accept")
            raise Refusal(429, "sign-ins", after=math.ceil(wait), accept=accept)

    def _wait(self, address: str) -> float:
        """Count one of `address`, or return for how many seconds there is none."""
        now = self._now()
        paid = max(now, self._paid.pop(address, now))
        wait = max(0.0, paid + self._each - now - _MINUTE)
        self._paid[address] = paid if wait else paid + self._each
        if len(self._paid) > _MOST:
            self._paid.popitem(last=False)
        return wait

    def _client(self, request: Request, peer: str) -> str:
        """Return the address of whoever signs in; empty: a proxy does not say whose it is."""
        if peer and peer not in self._trusted:
            return peer
        said = request.fields.named.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        found = ""
        for text in reversed(said):  # each proxy has added whom it has seen
            found = _bare(text.strip()) or found
            if found not in self._trusted:
                break
        return found


def _bare(text: str) -> str:
    """Return an address without a port, in its one spelling; empty: it is none."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
