"""Where a WebSocket frame ends, so that a close frame can be put between two (RFC 6455)."""

GOING_AWAY = b"\x88\x02\x03\xe9"
"""A close frame with code 1001, from a server."""
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_SHORT, _MEDIUM, _LONG = 2, 4, 10


class Frames:
    """Counts through the frames that a server sends; never looks at what they carry."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._left = 0
        self._head = b""

    @property
    def between(self) -> bool:
        """Whether the last byte seen was the last of a frame."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """Go on through `data`."""
        if len(data) <= self._left:
            self._left -= len(data)
            return
        at, self._left = self._left, 0
        data, at = (self._head + data[at:], 0) if self._head or at else (data, 0)
        self._head = b""
        while at < len(data):
            size = _frame_size(data, at)
            if size is None:
                self._head = data[at:]
                return
            at += size
        self._left = at - len(data)


def _frame_size(data: bytes, at: int) -> int | None:
    """Return the size of the frame that begins at `at`, or None if its head is incomplete."""
    known = len(data) - at
    if known < _SHORT:
        return None
    masked = 4 if data[at + 1] & 0x80 else 0
    length = data[at + 1] & 0x7F
    if length < _TWO_BYTES:
        return _SHORT + masked + length
    head = _LONG if length == _EIGHT_BYTES else _MEDIUM
    if known < head:
        return None
    return head + masked + int.from_bytes(data[at + 2 : at + head], "big")
