"""Line: a client's connection below HTTP: answers of our own, time-outs, and how it ends."""

import asyncio
import logging
import socket
from abc import abstractmethod
from typing import cast

from perijove.proxy.edge import Edge
from perijove.proxy.forwarded import plain_address
from perijove.proxy.marks import fresh, id_of
from perijove.proxy.outward import Outward
from perijove.proxy.pace import Pace, untaken
from perijove.proxy.pages import answer, page
from perijove.proxy.refusal import Refusal
from perijove.proxy.transports import aborted, closed, unbuffered
from perijove.proxy.turned import TurnedAway
from perijove.proxy.websocket import Frames

_HALF_OPEN_SECONDS = 60.0
_LEAVING_SECONDS = 5.0
_STUCK_SECONDS = 60.0


class Line(asyncio.Protocol):
    """What a client's connection is, whatever is said on it."""

    __slots__ = (
        *("_buffer", "_edge", "_half", "_held", "_keep", "_leaving", "_moved", "_outward"),
        *("_reader", "_secure", "_still", "_transport", "address", "deadline", "frames", "full"),
    )

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.frames: Frames | None = None
        """Those of the answer, once this is a WebSocket."""
        self.address = ""
        self._secure = False
        self._half = self._held = self._leaving = self._moved = False
        self._keep = True
        self.full = False
        self._reader: Pace | None = None
        """How fast the other side takes what waits for it, while something does."""
        self._still = edge.loop.time()
        """When the sweep last saw that something had moved."""
        self.deadline = self._still + edge.limits.head_seconds

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether a request is being answered."""

    @property
    def idle(self) -> bool:
        """Whether it is kept without a request."""
        return not (self.busy or self.full or self._buffer or self._leaving)

    @property
    @abstractmethod
    def waiting(self) -> bool:
        """Whether a request has come as a whole and its answer has not begun."""

    @abstractmethod
    def drop_upstream(self) -> None:
        """Give the upstream up."""

    @abstractmethod
    def go_away(self) -> None:
        """Finish what is running, then close."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        # uvloop's transports are not asyncio's by class
        self._transport = cast("asyncio.Transport", transport)
        unbuffered(self._transport)
        peer = transport.get_extra_info("peername")
        local = not isinstance(peer, tuple) and _family(transport) == socket.AF_UNIX
        self.address = "" if local else plain_address(peer[0]) if peer else "unknown"
        self._secure = transport.get_extra_info("sslcontext") is not None
        self._outward = Outward(self._edge, self.address, secure=self._secure)
        reason = self._edge.crowd.enter(self)
        if reason:
            TurnedAway(self._edge, self._transport, reason)
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Let go of everything."""
        self._edge.crowd.leave(self)
        self._transport = None
        self.drop_upstream()

    def eof_received(self) -> bool:
        """Keep the connection for an answer that is still due, else close it."""
        self._half = self.waiting and not self._leaving and not self._secure
        self._keep = self._keep and not self._half
        self.deadline = self._edge.loop.time() + _HALF_OPEN_SECONDS
        return self._half

    def write(self, data: bytes) -> None:
        """Write, unless nobody reads any more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    @property
    def _strict(self) -> bytes:
        """What an answer of our own tells of TLS."""
        return self._edge.strict if self._secure else b""

    def refuse(self, refusal: Refusal, mark: bytes = b"") -> None:
        """Answer with a sentence and close; `mark` is the line with the id, if it has one."""
        mark = mark or fresh()
        status, reason, request = refusal.status, refusal.reason, id_of(mark)
        self._edge.counts.refused[reason] += 1
        self._edge.log(logging.INFO, "refused", reason=reason, status=status, request=request)
        self.drop_upstream()
        said = page(status, reason, refusal.accept, after=refusal.after, request=request)
        self.write(answer(said, mark + self._strict, keep=False, with_body=True))
        self.leave()

    def leave(self) -> None:
        """Close when the client does, or soon.

        Closing at once, with bytes unread, sends a RST that overtakes the answer.
        """
        self._leaving = True
        self._keep = False
        self._buffer = b""
        self.deadline = self._edge.loop.time() + _LEAVING_SECONDS
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._half or not transport.can_write_eof():  # TLS ends both ways at once
            transport.close()
            return
        transport.write_eof()
        self.hold(held=False)

    def hold(self, *, held: bool) -> None:
        """Stop or go on reading."""
        transport = self._transport
        if held is not self._held and transport is not None and not transport.is_closing():
            self._held = held
            if held:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def await_head(self, *, begun: bool) -> None:
        """Set the time until a head must be here, or begin."""
        self.deadline = self._edge.loop.time() + (
            self._edge.limits.head_seconds if begun else self._edge.manner.kept_seconds
        )

    def sweep(self, now: float) -> None:
        """Close the connection if it has been silent for too long."""
        transport, moved = self._transport, self._moved
        if moved:
            self._moved, self._still = False, now
        if transport is None:
            return
        if self.full:
            self._look_at_reader(transport, now, moved=moved)
        elif self._reader is not None:
            self._reader = None
        if now >= self.deadline:
            self._expire(transport, now)

    def _expire(self, transport: asyncio.Transport, now: float) -> None:
        if self._leaving:
            if not transport.get_write_buffer_size() or now > self.deadline + _STUCK_SECONDS:
                transport.abort()
        elif self._half:
            if now - self._still > _HALF_OPEN_SECONDS:
                transport.abort()
            self.deadline = now + _HALF_OPEN_SECONDS
        elif not self.busy and self._buffer:
            self.refuse(Refusal(408, "slow"))
        elif not self.busy:
            closed(transport)

    def _look_at_reader(self, transport: asyncio.Transport, now: float, *, moved: bool) -> None:
        """End a connection whose other side takes nothing of what waits for it."""
        left = untaken(transport)
        if moved or self._reader is None:
            self._reader = Pace(now, left)
        elif self._reader.late(now, left, self._edge.limits.reader_seconds):
            self._edge.counts.refused["slow-reader"] += 1
            self._edge.log(logging.INFO, "slow-reader", untaken=left)
            transport.abort()

    def abandon(self) -> None:
        """Close it now."""
        aborted(self._transport)


def _family(transport: asyncio.BaseTransport) -> int | None:
    """Return that of its socket; uvloop asks the kernel for it."""
    return getattr(transport.get_extra_info("socket"), "family", None)
