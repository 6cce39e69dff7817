"""Turned: a connection for which there is no room is told so; a health check is answered."""

import asyncio
import logging

from perijove.proxy.edge import Edge
from perijove.proxy.marks import fresh, id_of
from perijove.proxy.pages import HEALTH, Page, answer, healthy, page
from perijove.proxy.transports import aborted

_SECONDS = 5.0
_HEAD = 16_384
_AFTER = 10


class TurnedAway(asyncio.Protocol):
    """Takes a transport over, reads one head and answers it.

    A health check must not fail because there are many clients: whoever checks would end us.
    """

    __slots__ = ("_buffer", "_deadline", "_edge", "_mark", "_reason", "_said", "_transport")

    def __init__(self, edge: Edge, transport: asyncio.Transport, reason: str) -> None:
        self._edge = edge
        self._transport = transport
        self._reason = reason
        self._mark = fresh()
        self._buffer = b""
        self._said = False
        self._deadline = edge.loop.time() + _SECONDS
        if len(edge.crowd.turned) >= edge.crowd.most_turned:
            next(iter(edge.crowd.turned)).abandon()
        edge.crowd.turned[self] = None
        transport.set_protocol(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Be forgotten."""
        self._edge.crowd.turned.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Wait for the head of a request; what else comes is for nobody."""
        if self._said:
            return
        self._buffer += data
        if b"\r\n\r\n" in self._buffer or len(self._buffer) > _HEAD:
            self._say(self._page())

    def sweep(self, now: float) -> None:
        """End it in time."""
        if now > self._deadline:
            if not self._said:
                self._say(self._page())
            self._transport.close()
            aborted(self._transport if now > self._deadline + _SECONDS else None)

    def abandon(self) -> None:
        """Close it now."""
        self._edge.crowd.turned.pop(self, None)
        aborted(self._transport)

    def _page(self) -> Page:
        _, _, rest = self._buffer.partition(b" ")
        if rest.partition(b" ")[0].partition(b"?")[0] in HEALTH:
            return healthy()
        self._edge.counts.refused[self._reason] += 1
        request = id_of(self._mark)
        self._edge.log(logging.INFO, "refused", reason=self._reason, status=503, request=request)
        return page(503, self._reason, after=_AFTER, request=request)

    def _say(self, said: Page) -> None:
        self._said, self._buffer = True, b""
        if self._transport.is_closing():
            return
        self._transport.write(answer(said, self._mark, keep=False, with_body=True))
        if self._transport.can_write_eof():  # else a RST for what was not read overtakes it
            self._transport.write_eof()
        else:
            self._transport.close()
