"""Ending connections so that the other side cannot mistake how."""

import asyncio
import socket
import struct

_RESET = struct.pack("ii", 1, 0)


def closed(transport: asyncio.Transport | None) -> None:
    """Close when everything written has been sent."""
    if transport is not None and not transport.is_closing():
        transport.close()


def aborted(transport: asyncio.Transport | None) -> None:
    """Close at once and throw away what was not sent."""
    if transport is not None:
        transport.abort()


def reset(transport: asyncio.Transport | None) -> None:
    """Close at once with a RST: an answer that ends with its connection is seen as broken."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
