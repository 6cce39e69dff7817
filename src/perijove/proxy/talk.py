"""Talk: which protocol a new connection of a client speaks."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

from perijove.proxy.client import Client
from perijove.proxy.edge import Edge

Making: TypeAlias = Callable[[Edge], asyncio.Protocol]


def talking(edge: Edge, *, http2: bool) -> Callable[[], asyncio.Protocol]:
    """Return what makes the protocol of a connection; `http2`: those with TLS may choose that."""
    if not http2:
        return lambda: Client(edge)
    from perijove.proxy.http2 import Http2  # noqa: PLC0415 - most run without it

    return lambda: Negotiated(edge, Http2)


class Negotiated(asyncio.Protocol):
    """A connection with TLS, until it is known what both sides speak (ALPN)."""

    def __init__(self, edge: Edge, http2: Making) -> None:
        self._edge, self._http2 = edge, http2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become what was agreed on."""
        tls = transport.get_extra_info("ssl_object")
        make = self._http2 if tls and tls.selected_alpn_protocol() == "h2" else Client
        protocol = make(self._edge)
        cast("asyncio.Transport", transport).set_protocol(protocol)
        protocol.connection_made(transport)
