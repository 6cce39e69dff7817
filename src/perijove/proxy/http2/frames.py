"""Frames of HTTP/2 as they come, before anything of them is understood: floods end here."""

from perijove.proxy.head import LIMIT

_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_HEAD = 9
_LARGEST = 16_384
_FEW = 32
"""Frames that are dealt with before others have their turn."""
_DATA, _HEADERS, _RESET, _GOAWAY, _CONTINUATION = 0, 1, 3, 7, 9
_ENDS = frozenset((_RESET, _GOAWAY))
_END = 0x01
_A_RESET = 5
_MOST = 1000
_FORGIVEN = 200
"""A second."""
_OF_DATA = 3
"""What a frame of data that is sent may bring about: windows of stream and connection, and more."""


class Flood(Exception):
    """More comes than anybody needs, and it achieves nothing; or a frame is larger than agreed."""


class Frames:
    """Walks through them. What costs us work and brings nothing on is noise, and noise is counted.

    Such are resets (CVE-2023-44487), pings, settings, priorities, windows, empty data
    (CVE-2019-9511 to 9518), and heads that never end (CVE-2024-27316).
    """

    __slots__ = ("_block", "_ends", "_head", "_left", "_noise")

    def __init__(self) -> None:
        self._left = _PREFACE
        """Bytes until the next frame begins."""
        self._head = b""
        self._ends = False
        """Whether the frame that has begun ends a stream, or all of them."""
        self._block = 0
        """Bytes of the head of a request, so far."""
        self._noise = 0

    def few(self, data: bytes) -> list[int]:
        """Return where to stop on the way through a few frames of `data`; the last is their end.

        What ends something is by itself: whoever hears several at once hears of ends first.

        Raises:
            Flood: it is one.
        """
        stops, at, size, frames = list[int](), 0, len(data), 0
        while at < size and frames <= _FEW:
            if self._left:
                step = min(self._left, size - at)
                self._left -= step
                at += step
                if self._ends and not self._left:
                    stops.append(at)
                continue
            begin = at - len(self._head)
            step = min(_HEAD - len(self._head), size - at)
            self._head += data[at : at + step]
            at += step
            if len(self._head) == _HEAD:
                self._note(self._head)
                self._ends = self._head[3] in _ENDS
                if self._ends and begin > 0:
                    stops.append(begin)
                self._head = b""
                frames += 1
        return [*stops, at]

    def noise(self, much: int = 1) -> None:
        """Count something that brings nothing on.

        Raises:
            Flood: it is too much by now.
        """
        self._noise += much
        if self._noise > _MOST:
            raise Flood

    def sent(self) -> None:
        """Forgive what a frame of data brings about at the other side."""
        self._noise = max(0, self._noise - _OF_DATA)

    def forgive(self) -> None:
        """Forget some of it, once a second."""
        self._noise = max(0, self._noise - _FORGIVEN)

    def _note(self, head: bytes) -> None:
        self._left = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        if self._left > _LARGEST:
            raise Flood
        if kind in {_HEADERS, _CONTINUATION}:
            self._block = self._left + (self._block if kind == _CONTINUATION else 0)
            if self._block > LIMIT:
                raise Flood
            self.noise(kind == _CONTINUATION)
        elif kind == _RESET:
            self.noise(_A_RESET)
        elif kind != _DATA or (not self._left and not flags & _END):
            self.noise()
