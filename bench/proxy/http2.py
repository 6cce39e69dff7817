"""A visitor that speaks HTTP/2 (RFC 9113), one request at a time as the others do."""

import itertools
import random
import ssl
from collections.abc import Iterator
from socket import socket

from bench.proxy.heads import FEW, Heads
from bench.proxy.secure import client, secured
from bench.proxy.visitors import NOT_YET, Visitor

_PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    b"\0\0\0\x04\0\0\0\0\0"  # SETTINGS, none
    b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0"  # WINDOW_UPDATE of the connection: 2 GiB
)
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW = 0, 1, 4, 6, 8
_END_STREAM, _ACK, _WHOLE = 1, 1, 5
_HEAD = 9
_READ = 262_144
_RESIZED, _FIRST = range(0x20, 0x40), 0x88
"""Of a field block (RFC 7541): a new size of the table, and ':status: 200'."""
_CLIENT = client()
_CLIENT.set_alpn_protocols(["h2"])


def blocks(place: str) -> Heads:
    """Yield the fields of GETs below `place`; path, cookie and order vary, as in `heads`."""
    chance = random.Random(1)  # noqa: S311 - an order that says nothing
    made = []
    for _ in range(64):
        fields = [line.split(": ", 1) for line in FEW]
        chance.shuffle(fields)
        told = b"".join(_field(name.lower(), value) for name, value in fields)
        cookie = f"session=0000000000; _xsrf={chance.randbytes(20).hex()}"
        path = b"\x82\x87\x04" + _text(f"{place}0000000000") + b"\x01" + _text("edge:8000") + told
        made.append((path, _field("cookie", cookie)))
    for number in itertools.count(1):
        path, cookies = made[number % len(made)]
        digits = b"%010d" % number
        yield path.replace(b"0000000000", digits, 1) + cookies.replace(b"0000000000", digits, 1)


def _field(name: str, value: str) -> bytes:
    """Return a field that no table is to remember."""
    return b"\0" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    assert len(text) < 127, "a longer one has more than a byte for its length"  # noqa: PLR2004
    return bytes([len(text)]) + text.encode()


class Two(Visitor):
    """Asks on one connection, of which each request is a stream."""

    _secure: ssl.SSLSocket

    def _connect(self) -> socket:
        self._secure = secured(self._port, _CLIENT)
        if self._secure.selected_alpn_protocol() != "h2":
            self._tally.failed["no HTTP/2"] += 1
        self._stream, self._unread = -1, b""
        self._secure.send(_PREFACE)
        return self._secure

    def _ask(self) -> None:
        self._stream += 2
        self._left = self._size
        self._since_now()
        block = next(self._heads)
        self._sock.send(_frame(_HEADERS, _WHOLE, self._stream, block))

    def ready(self) -> None:
        """Read what has come, frame by frame."""
        try:
            data = self._unread + self._sock.recv(_READ)
        except NOT_YET:
            return
        except OSError as error:
            self._fail(type(error).__name__)
            return
        if len(data) == len(self._unread):
            self._closed()
            return
        at = 0
        for at, end in _frames(data):
            if not self._take(data[at + 3], data[at + 4], data[at + _HEAD : end]):
                return
            at = end  # noqa: PLW2901 - what is behind the last is not whole
        self._unread = data[at:]

    def _take(self, kind: int, flags: int, load: bytes) -> bool:
        """Take a frame; return whether to go on."""
        if kind == _HEADERS:
            status = load.lstrip(bytes(_RESIZED))[:1]
            if status != bytes([_FIRST]):
                self._fail(f"status {status!r}")
                return False
        elif kind == _DATA:
            self._left -= len(load)
            self._tally.size += len(load)
        elif kind in (_SETTINGS, _PING):
            if not flags & _ACK:
                self._sock.send(_frame(kind, _ACK, 0, load if kind == _PING else b""))
            return True
        elif kind != _WINDOW:
            self._fail(f"frame {kind}")
            return False
        if flags & _END_STREAM:
            if self._left:
                self._fail("another length")
                return False
            self._answered()
        return True


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each whole frame begins and ends."""
    at = 0
    while len(data) - at >= _HEAD:
        end = at + _HEAD + int.from_bytes(data[at : at + 3], "big")
        if end > len(data):
            return
        yield at, end
        at = end


def _frame(kind: int, flags: int, stream: int, load: bytes) -> bytes:
    return len(load).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + load
