"""Where a body ends, found without decoding it (RFC 9112, 6 and 7)."""

import re

from perijove.proxy.refusal import Refusal

_LINE_LIMIT = 4096
_TRAILER_LIMIT = 16_384
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_EXTENSION = rb";%b(?:=(?:%b|%b))?+" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:%b)*+\r\n" % _EXTENSION)
_TRAILER = re.compile(rb"(%b):[\t -~\x80-\xff]*+\r\n" % _TOKEN)
# RFC 9110, 6.5.1: who puts trailers among the fields must not be told of these so late
_NO_TRAILER = re.compile(
    rb"content-(?:length|type|encoding|range|disposition)|transfer-encoding|host|authorization"
    rb"|cookie|set-cookie|origin|referer|location|connection|keep-alive|te|trailer|upgrade|expect"
    rb"|forwarded|x-(?:forwarded.*|real-ip|scheme|xsrftoken|request-id)|(?:proxy|sec|if)-.*"
    rb"|range|max-forwards|cache-control|http2-settings"
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
            newline = data.find(b"\n", at, at + _LINE_LIMIT - len(self._line))
            if newline < 0:
                self._keep(data[at : at + _LINE_LIMIT])
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
        if found is None or self._trailers > _TRAILER_LIMIT:
            raise Refusal(400, "bad-trailer")
        if _NO_TRAILER.fullmatch(found[1].lower().replace(b"_", b"-")):
            raise Refusal(400, "bad-trailer")
        return False


Body = Sized | Chunked | Endless
