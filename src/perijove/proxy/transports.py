"""How connections end, so that the other side cannot mistake it, and how they wait."""

import asyncio
import socket
import struct

_TLS_PIECE = 65_536
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


def unbuffered(transport: asyncio.Transport) -> None:
    """Have each write tried at once, and be told to wait as soon as the kernel takes no more.

    So what a slow reader costs is the one piece that was read last, and a small answer does
    not wait for the end of the loop's round: uvloop takes its short way. With TLS, uvloop never
    says "go on" again at a limit of 0, and what it has encrypted is sent in a piece anyway.
    """
    secure = transport.get_extra_info("sslcontext") is not None
    transport.set_write_buffer_limits(_TLS_PIECE if secure else 0)


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Return where the other side is; empty: at the other end of a socket in the file system."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
