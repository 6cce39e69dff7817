"""Where a body ends, found without decoding it (RFC 9112, 6 and 7)."""

import re

from perijove.proxy.refusal import Refusal

_LINE_LIMIT = 4096
_TRAILER_LIMIT = 16_384
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]*+)?\r\n")
_TRAILER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[\t -~\x80-\xff]*+\r\n")
_NO_TRAILER = frozenset(
    (b"content-length", b"transfer-encoding", b"host", b"authorization", b"cookie", b"trailer")
)


class Sized:
    """A body of a known number of bytes."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def feed(self, data: bytes) -> int:
        """Return the offset in `data` where the body ends, or -1 if it goes on."""
        size = len(data)
        if size < self._left:
            self._left -= size
            return -1
        end, self._left = self._left, 0
        return end


class Endless:
    """A body that ends with its connection."""

    __slots__ = ()

    def feed(self, data: bytes) -> int:  # noqa: ARG002 - the interface of a body
        """Return -1: it goes on."""
        return -1


class Chunked:
    """A chunked body with its trailers."""

    __slots__ = ("_left", "_line", "_read", "_trailers")

    def __init__(self) -> None:
        self._left = 0
        self._line = b""
        self._trailers = 0
        self._read = self._size

    def feed(self, data: bytes) -> int:
        """Return the offset in `data` where the body ends, or -1 if it goes on.

        Raises:
            Refusal: the framing is in doubt.
        """
        at, size = 0, len(data)
        while at < size:
            if self._left:
                step = min(self._left, size - at)
                self._left -= step
                at += step
                continue
            newline = data.find(b"\n", at, at + _LINE_LIMIT)
            if newline < 0:
                self._keep(data[at:])
                return -1
            line = self._line + data[at : newline + 1]
            self._line = b""
            at = newline + 1
            if self._read(line):
                return at
        return -1

    def _keep(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) >= _LINE_LIMIT or b"\r" in self._line[:-1]:
            raise Refusal(400, "bad-chunk")

    def _size(self, line: bytes) -> bool:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise Refusal(400, "bad-chunk")
        self._left = int(found[1], 16)
        self._read = self._after if self._left else self._trailer
        return False

    def _after(self, line: bytes) -> bool:
        if line != b"\r\n":
            raise Refusal(400, "bad-chunk")
        self._read = self._size
        return False

    def _trailer(self, line: bytes) -> bool:
        if line == b"\r\n":
            return True
        self._trailers += len(line)
        found = _TRAILER.fullmatch(line)
        if found is None or found[1].lower() in _NO_TRAILER or self._trailers > _TRAILER_LIMIT:
            raise Refusal(400, "bad-trailer")
        return False


Body = Sized | Chunked | Endless
