"""Talk: which protocol a new connection of a client speaks."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

from perijove.proxy.client import Client
from perijove.proxy.edge import Edge

Making: TypeAlias = Callable[[], Client]
"""Makes the client of a connection, or of a stream."""


def talking(make: Making, edge: Edge, *, http2: bool) -> Callable[[], asyncio.Protocol]:
    """Return what makes the protocol of a connection; `http2`: those with TLS may choose that."""
    if not http2:
        return make
    from perijove.proxy.http2.connection import Http2  # noqa: PLC0415 - most run without it

    return lambda: Negotiated(make, lambda: Http2(edge, make))


class Negotiated(asyncio.Protocol):
    """A connection with TLS, until it is known what both sides speak (ALPN)."""

    def __init__(self, make: Making, http2: Callable[[], asyncio.Protocol]) -> None:
        self._make, self._http2 = make, http2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become what was agreed on."""
        tls = transport.get_extra_info("ssl_object")
        several = tls and tls.selected_alpn_protocol() == "h2"
        protocol = self._http2() if several else self._make()
        cast("asyncio.Transport", transport).set_protocol(protocol)
        protocol.connection_made(transport)
