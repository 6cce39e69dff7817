"""Visitors: those who ask a proxy, check what they are given, and ask again."""

import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from socket import socket

from bench.proxy.behind import FRAME, KB, MB
from bench.proxy.heads import Heads
from bench.proxy.wheel import READ, WRITE, Wheel, connected

_READ = 262_144
NOT_YET = (BlockingIOError, ssl.SSLWantReadError)
_PATIENCE = 50
"""Failures after which a visitor asks no more."""
_PAYLOADS = [bytes((at + number) % 251 for at in range(KB)) for number in range(251)]
_FRAMES = cycle([b"\x82\xfe\x04\x00\0\0\0\0" + it for it in _PAYLOADS])
_ROOM = bytearray(MB)
_BODY = memoryview(bytes(range(256)) * (MB // 256))


@dataclass(slots=True)
class Tally:
    """What visitors have got, and what they have not."""

    done: int = 0
    size: int = 0
    """Bytes of bodies."""
    waits: list[float] = field(default_factory=list[float])
    """Seconds, where they are asked for."""
    failed: Counter[str] = field(default_factory=Counter[str])


class Visitor:
    """Asks on one connection again and again; an answer has a known status and size."""

    status = b"200"

    def __init__(self, wheel: Wheel, port: int, tally: Tally, heads: Heads, size: int = KB) -> None:
        self._wheel, self._port, self._tally, self._heads = wheel, port, tally, heads
        self._size = size
        self._failed = 0

    def begin(self) -> None:
        """Connect and ask."""
        self._sock = self._connect()
        self._wheel.watch(self._sock, self.ready)
        self._ask()

    def leave(self) -> None:
        """Ask no more."""
        self._wheel.close(self._sock)

    def _connect(self) -> socket:
        return connected(self._port)

    def _ask(self) -> None:
        self._unread, self._left = b"", -1
        self._since_now()
        self._sock.send(next(self._heads))

    def _since_now(self) -> None:
        self._since = time.perf_counter()

    def ready(self) -> None:
        """Read what has come."""
        try:
            data = self._sock.recv(_READ)
        except NOT_YET:
            return
        except OSError as error:
            self._fail(type(error).__name__)
            return
        if not data:
            self._closed()
        elif self._left < 0:
            self._begun(self._unread + data if self._unread else data)
        else:
            self._more(len(data))

    def _begun(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._unread = data
        elif data[9:12] != self.status:
            self._fail(data[:12].decode("latin-1"))
        else:
            self._left = self._size
            self._more(len(data) - end - 4)

    def _more(self, size: int) -> None:
        self._left -= size
        self._tally.size += size
        if self._left < 0:
            self._fail("too long")
        elif not self._left:
            self._answered()

    def _answered(self) -> None:
        self._count()
        self._ask()

    def _count(self) -> None:
        self._tally.done += 1
        self._tally.waits.append(time.perf_counter() - self._since)

    def _closed(self) -> None:
        self._fail("closed")

    def _fail(self, why: str) -> None:
        """Count it, and begin anew."""
        self._tally.failed[why] += 1
        self._failed += 1
        self._wheel.close(self._sock)
        if self._failed < _PATIENCE:
            self.begin()


class Newcomer(Visitor):
    """Connects anew for each.

    It closes itself: asked to do that, configurable-http-proxy 5.3 answers 503 to every third.
    """

    def _answered(self) -> None:
        self._count()
        self._wheel.close(self._sock)
        self.begin()


class Reader(Visitor):
    """Reads very much."""

    def ready(self) -> None:
        """Read; only the head needs to be looked at."""
        if self._left < 0:
            super().ready()
            return
        try:
            size = self._sock.recv_into(_ROOM)
        except NOT_YET:
            return
        except OSError as error:
            self._fail(type(error).__name__)
            return
        if size:
            self._more(size)
        else:
            self._closed()


class Uploader(Visitor):
    """Sends very much; an answer says how much that was."""

    def __init__(self, wheel: Wheel, port: int, tally: Tally, heads: Heads, size: int) -> None:
        super().__init__(wheel, port, tally, heads, size=12)
        self._whole = size

    def _ask(self) -> None:
        super()._ask()
        self._unsent = self._whole
        self._wheel.watch(self._sock, self._send, WRITE)

    def _send(self) -> None:
        try:
            size = self._sock.send(_BODY[: self._unsent])
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(type(error).__name__)
            return
        self._unsent -= size
        self._tally.size += size
        if not self._unsent:
            self._wheel.watch(self._sock, self.ready, READ)

    def _begun(self, data: bytes) -> None:
        if b"\r\n\r\n" in data and int(data.rpartition(b"\r\n\r\n")[2] or 0) != self._whole:
            self._fail("too little arrived")
        else:
            super()._begun(data)


class Teller(Visitor):
    """Tells an API of routes; its answers have no body, however that is said."""

    status = b"201"

    def _ask(self) -> None:
        self._unread, self._left = b"", -1
        told = next(self._heads, b"")
        if told:
            self._sock.send(told)

    def _begun(self, data: bytes) -> None:
        if data[9:12] != self.status:
            self._fail(data[:12].decode("latin-1"))
        elif data.endswith(b"0\r\n\r\n" if b"chunked" in data else b"\r\n\r\n"):
            self._tally.done += 1
            self._ask()
        else:
            self._unread = data


class Opener(Visitor):
    """Opens a WebSocket, closes it and opens the next."""

    def __init__(
        self, wheel: Wheel, port: int, tally: Tally, asks: Iterator[tuple[bytes, bytes]]
    ) -> None:
        super().__init__(wheel, port, tally, iter(()))
        self._asks = asks

    def _ask(self) -> None:
        self._unread, self._left = b"", -1
        head, self._accept = next(self._asks)
        self._sock.send(head)

    def _begun(self, data: bytes) -> None:
        if not data.endswith(b"\r\n\r\n"):
            self._unread = data
        elif data[9:12] != b"101" or self._accept not in data:
            self._fail(data[:12].decode("latin-1"))
        else:
            self._tally.done += 1
            self._opened()

    def _opened(self) -> None:
        self._wheel.close(self._sock)
        self.begin()


class Sitter(Opener):
    """Opens one and says nothing."""

    def _opened(self) -> None:
        self._left = 0


class Talker(Opener):
    """Opens one, and says the next as soon as the last has come back."""

    def _opened(self) -> None:
        self._tally.done -= 1  # it has not said anything yet
        self._left, self._got = 0, b""
        self._wheel.watch(self._sock, self._heard)
        self._say()

    def _say(self) -> None:
        self._said = next(_FRAMES)
        self._sock.send(self._said)

    def _heard(self) -> None:
        try:
            data = self._got + self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(type(error).__name__)
            return
        if len(data) == FRAME - 4 and data[4:] == self._said[8:]:
            self._got = b""
            self._tally.done += 1
            self._say()
        elif len(data) == len(self._got) or len(data) >= FRAME - 4:
            self._fail("no echo")
        else:
            self._got = data
