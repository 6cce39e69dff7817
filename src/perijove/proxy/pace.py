"""Pace: whether a client brings, or takes, enough in the time it has."""

import asyncio
import termios
from contextlib import suppress
from fcntl import ioctl
from sys import byteorder

_LEAST = 1024
"""Bytes that must move in the time: a peer that moves one now and then holds us for nothing."""
_SIZE = 4
SHARED = "shared-socket"
"""By this name a transport tells of the socket that it shares with others."""


class Pace:
    """Looked at about once a second, by a number that says how far something is."""

    __slots__ = ("_mark", "_since")

    def __init__(self, now: float, at: int) -> None:
        self._mark, self._since = at, now

    def late(self, now: float, at: int, seconds: float, *, excused: bool = False) -> bool:
        """Return whether it has hardly moved for so long; `excused`: until now it could not."""
        if excused or abs(at - self._mark) >= _LEAST:
            self._mark, self._since = at, now
        return now - self._since > seconds


def untaken(transport: asyncio.Transport) -> int:
    """Return how many bytes the other side has yet to take, with those that the kernel holds.

    The kernel takes more of us only when much of what it has is gone: with a slow reader, after
    minutes. What it holds itself moves with every piece that the reader acknowledges.
    """
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket") or transport.get_extra_info(SHARED)
    if sock is None:  # it is gone
        return waiting
    with suppress(OSError):
        sent = ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_SIZE))
        waiting += int.from_bytes(sent, byteorder)
    return waiting
