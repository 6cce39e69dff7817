"""Behind: the servers that the proxies lead to, in the thread of the load."""

import itertools
import re
import socket
from collections.abc import Callable

from bench.proxy.heads import accepted
from bench.proxy.wheel import READ, WRITE, Wheel

KB, MB = 1024, 1024 * 1024
SMALL, LARGE, HUGE = KB, MB, 100 * MB
"""Bytes of answers."""
FRAME = 8 + KB
"""Bytes of a WebSocket frame from a client with one kilobyte."""
_READ = 262_144
_KEY = re.compile(rb"\r\nsec-websocket-key: *([^\r]*)", re.IGNORECASE)
_SIZE = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
_PAYLOAD = memoryview(bytes(range(256)) * (MB // 256))


class Server:
    """Listens on a port of its own, and makes a `kind` of each connection."""

    def __init__(self, wheel: Wheel, kind: "Callable[[Wheel, socket.socket], Served]") -> None:
        self._wheel, self._kind = wheel, kind
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.settimeout(0)
        self.port = int(self._listener.getsockname()[1])
        wheel.watch(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(0)
        self._wheel.watch(sock, self._kind(self._wheel, sock).ready)


class Served:
    """A connection; what it does with each head is its kind."""

    def __init__(self, wheel: Wheel, sock: socket.socket) -> None:
        self._wheel, self.sock = wheel, sock
        self._unread = b""

    def ready(self) -> None:
        """Read, and take each head that is whole."""
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._wheel.close(self.sock)
            return
        self._take(self._unread + data if self._unread else data)

    def _take(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n") + 4
        self._unread = b"" if end > 3 else data  # noqa: PLR2004 - find() gave -1
        if not self._unread:
            self._asked(data[:end], data[end:])

    def _asked(self, head: bytes, rest: bytes) -> None:
        """Answer."""
        raise NotImplementedError

    def _end(self, head: bytes) -> None:
        """Close where it was said that nothing else would be asked."""
        if b"onnection: close" in head:
            self._wheel.close(self.sock)


class Kilobyte(Served):
    """Answers with 1 KB."""

    _answers = itertools.cycle(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: %06d\r\nContent-Length: 1024\r\n\r\n"
        % number
        + bytes(_PAYLOAD[:KB])
        for number in range(64)
    )

    def _asked(self, head: bytes, rest: bytes) -> None:
        del rest
        self.sock.send(next(self._answers))
        self._end(head)


class Many(Served):
    """Answers with very many bytes."""

    size = LARGE

    def _asked(self, head: bytes, rest: bytes) -> None:
        del rest
        self._head, self._left = head, self.size
        self.sock.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\n\r\n" % self.size
        )
        self._wheel.watch(self.sock, self._more, WRITE)

    def _more(self) -> None:
        try:
            self._left -= self.sock.send(_PAYLOAD[: self._left])
        except BlockingIOError:
            return
        except OSError:
            self._wheel.close(self.sock)
            return
        if not self._left:
            self._wheel.watch(self.sock, self.ready, READ)
            self._end(self._head)


class VeryMany(Many):
    """Answers with a hundred times as many."""

    size = HUGE


class Sink(Served):
    """Takes an upload, and answers with how much it was."""

    def _asked(self, head: bytes, rest: bytes) -> None:
        found = _SIZE.search(head)
        self._head, self._size = head, int(found[1]) if found else 0
        self._left = self._size - len(rest)
        self._room = bytearray(MB)
        self._wheel.watch(self.sock, self._more)
        if not self._left:
            self._say()

    def _more(self) -> None:
        try:
            got = self.sock.recv_into(self._room)
        except BlockingIOError:
            return
        except OSError:
            got = 0
        self._left -= got
        if not got:
            self._wheel.close(self.sock)
        elif not self._left:
            self._say()

    def _say(self) -> None:
        self._wheel.watch(self.sock, self.ready)
        self.sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n%012d" % self._size)
        self._end(self._head)


class Echo(Served):
    """Becomes a WebSocket that sends each frame of 1 KB back; clients mask it with zeros."""

    def _asked(self, head: bytes, rest: bytes) -> None:
        key = _KEY.search(head)
        self._wheel.watch(self.sock, self._frames)
        self.sock.send(_SWITCH % accepted(key[1] if key else b""))
        self._unread = rest

    def _frames(self) -> None:
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._wheel.close(self.sock)
            return
        data = self._unread + data if self._unread else data
        whole = len(data) // FRAME * FRAME
        for at in range(0, whole, FRAME):
            self.sock.send(b"\x82\x7e\x04\x00" + data[at + 8 : at + FRAME])
        self._unread = data[whole:]
