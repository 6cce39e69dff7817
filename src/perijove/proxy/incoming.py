"""Incoming: the body of a request on its way in, and whether the client brings it."""

from perijove.proxy.edge import Edge
from perijove.proxy.head import Request
from perijove.proxy.pace import Pace


class Incoming:
    """A body, and how much of it has come."""

    __slots__ = ("_body", "_got", "_pace", "_seconds", "invited")

    def __init__(self, request: Request, edge: Edge, now: float) -> None:
        """Begin now with the body of `request`, which has one."""
        assert request.body is not None
        self._body = request.body
        self._got = 0
        self._pace = Pace(now, 0)
        self._seconds = edge.limits.body_seconds
        self.invited = b"expect" not in request.fields.named
        """Whether the client need not wait until the target says that it wants the body."""

    def feed(self, data: bytes) -> int:
        """Return the offset in `data` where the body ends, or -1 if it goes on.

        Raises:
            Refusal: the framing is in doubt.
        """
        self._got += len(data)
        return self._body.feed(data)

    def late(self, now: float, *, held: bool) -> bool:
        """Return whether hardly any has come for so long; `held`: we do not read it just now."""
        waits = not self.invited and not self._got
        return self._pace.late(now, self._got, self._seconds, excused=held or waits)
