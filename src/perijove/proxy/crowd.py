"""Crowd: who may connect, and who is closed or turned away when there are too many."""

from collections import Counter
from functools import lru_cache
from heapq import nsmallest
from ipaddress import IPv6Address
from typing import Protocol

from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.limits import Limits

_AT_ONCE = 64
"""Connections without a request that are closed when room is needed."""

_FEWEST_TURNED, SPARE_VISITORS = 16, 256
"""Connections of those who were turned away, at least and at most."""


class Visitor(Protocol):
    """A client's connection, as the crowd, the sweep and the end see it."""

    @property
    def idle(self) -> bool:
        """Whether it is kept without a request."""

    @property
    def address(self) -> str:
        """Where it comes from; empty: from a socket of this machine."""

    @property
    def deadline(self) -> float:
        """When it ends if nothing more comes."""

    def sweep(self, now: float) -> None:
        """Look at the clock."""

    def go_away(self) -> None:
        """Finish what is running, then close."""

    def abandon(self) -> None:
        """Close now."""


class Turned(Protocol):
    """Who was turned away and is still told so."""

    def sweep(self, now: float) -> None:
        """Look at the clock."""

    def abandon(self) -> None:
        """Close now."""


class Crowd:
    """The open connections of clients, counted by address; an IPv6 client has 2**64 of those.

    The addresses of trusted proxies are not limited by themselves: many people come from each.
    """

    def __init__(self, limits: Limits, trusted: TrustedPeers) -> None:
        self._most, self._of_address = limits.visitors, limits.of_address or limits.visitors
        self._trusted = trusted
        self._by_address = Counter[str]()
        self._in_vain = set[str]()
        """Where nothing was found to close since the last sweep; empty: nowhere at all."""
        self.visitors = set[Visitor]()
        self.turned: dict[Turned, None] = {}
        self.most_turned = max(_FEWEST_TURNED, min(SPARE_VISITORS, limits.visitors // 4))
        """Of those; one more costs the oldest its answer."""

    def enter(self, visitor: Visitor) -> str:
        """Take `visitor` in, or return why not."""
        address = network(visitor.address)
        number = self._by_address[address] if address else 0
        of_one = number >= self._of_address and visitor.address not in self._trusted
        if of_one and not self._made_room(address):
            return "crowded-address"
        if len(self.visitors) >= self._most and not self._made_room(""):
            return "crowded"
        self.visitors.add(visitor)
        if address:
            self._by_address[address] = number + 1
        return ""

    def leave(self, visitor: Visitor) -> None:
        """Let `visitor` go."""
        if visitor not in self.visitors:
            return
        self.visitors.discard(visitor)
        address = network(visitor.address)
        if not address:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long."""
        self._in_vain.clear()
        for visitor in list(self.visitors):
            visitor.sweep(now)
        for turned in list(self.turned):
            turned.sweep(now)

    def abandon(self) -> None:
        """Close everything now."""
        for one in (*self.visitors, *self.turned):
            one.abandon()

    def _made_room(self, address: str) -> bool:
        """Close some that wait without a request, the oldest first; return whether there were any.

        That looks at all of them, so where it was in vain it is not done again before the sweep.
        """
        if address in self._in_vain:
            return False
        idle = [
            it
            for it in self.visitors
            if it.idle and (not address or network(it.address) == address)
        ]
        for visitor in nsmallest(_AT_ONCE, idle, key=lambda it: it.deadline):
            visitor.go_away()
            visitor.abandon()  # with TLS, what is closed stays until the client agrees
            self.leave(visitor)
        if not idle:
            self._in_vain.add(address)
        return bool(idle)


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return the address of an IPv4 client, or the first half of one of IPv6."""
    if ":" not in address:
        return address
    try:
        return f"{int(IPv6Address(address)) >> 64:x}/64"
    except ValueError:
        return address
