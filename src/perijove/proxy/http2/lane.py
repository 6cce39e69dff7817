"""Lane: a stream of HTTP/2, which to a Client is a connection that speaks HTTP/1.1."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools

from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.http2.spoken import Answer, Asked
from perijove.proxy.pace import SHARED
from perijove.proxy.refusal import Refusal

_FINAL = 200
_ANY = b"GET / HTTP/1.1\r\n\r\n"
"""For who turns everybody away."""


class Way(Protocol):
    """The connection that lanes share, as one of them sees it."""

    edge: Edge
    transport: asyncio.Transport | None
    make: Callable[[], Client]
    """Makes the client of a lane."""

    def say(self, lane: "Lane", answer: Answer, *, end: bool) -> None:
        """Send the head of an answer; `end`: it has no body."""

    def pump(self, lane: "Lane") -> None:
        """Send of the body what the windows let through."""

    def grant(self, lane: "Lane") -> None:
        """Let more of the request come."""

    def cut(self, lane: "Lane") -> None:
        """Tell that the answer has no end."""

    def forget(self, lane: "Lane") -> None:
        """Hear that the client is gone."""


class Lane(asyncio.Transport):
    """One exchange after the other: what is asked goes to the client, what it writes to the road.

    So routes, heads, refusals, limits, counts and pages are those of HTTP/1.1.
    """

    def __init__(self, road: Way, stream: int) -> None:
        super().__init__()
        self._road = road
        self.stream = stream
        """The one that is being answered; 0: none."""
        self.out = bytearray()
        """Of the answer, what could not be sent yet."""
        self.whole = False
        """Whether all of the answer is in there."""
        self.owed = 0
        """Bytes that came and for which no more were let come."""
        self.held = self._paused = self._closing = self._let_go = False
        self._left: int | None = 0
        self._open(stream, b"")  # it may be refused at once
        self.client = road.make()
        self._listener: asyncio.Protocol = self.client
        """Who hears what comes: the client, or who tells it that there are too many."""
        self.client.connection_made(self)

    @property
    def received(self) -> bool:
        """Whether the whole request has come."""
        return self._left == 0

    @property
    def free(self) -> bool:
        """Whether another request can use it."""
        return not (self.stream or self._closing or self.client.busy)

    # what the road calls

    def begin(self, stream: int, asked: Asked) -> None:
        """Ask for `stream`."""
        self._open(stream, asked.method)
        self._left = asked.length
        self._listener.data_received(asked.head)

    def refuse(self, stream: int, refusal: Refusal, *, whole: bool) -> None:
        """Answer `stream` with a sentence; `whole`: nothing more of it would come."""
        self._open(stream, b"")
        self._left = 0 if whole else None
        if self._listener is self.client:
            self.client.refuse(refusal)
        else:
            self._listener.data_received(_ANY)

    def take(self, data: bytes) -> bool:
        """Pass on more of the request; return whether it may have that much."""
        if self._left is None:
            self._listener.data_received(b"%x\r\n%b\r\n" % (len(data), data))
            return True
        self._left -= len(data)
        if self._left < 0:
            return False
        self._listener.data_received(data)
        return True

    def took_all(self) -> bool:
        """Pass on that this was all; return whether it was all that was promised."""
        if self._left is None:
            self._left = 0
            self._listener.data_received(b"0\r\n\r\n")
        return self._left == 0

    def eased(self) -> None:
        """Hear that all has been sent that was waiting."""
        if self._paused:
            self._paused = False
            self._listener.resume_writing()

    def done(self) -> None:
        """Hear that the answer is on its way."""
        self.stream = 0
        self.whole = False
        if self._closing:
            self._lost()

    def gone(self) -> None:
        """Let go of everything: nobody reads the answer any more."""
        self.stream, self._closing = 0, True
        self.out.clear()
        if not self._let_go:
            self._let_go = True
            self._listener.connection_lost(None)

    def _open(self, stream: int, method: bytes) -> None:
        self.stream, self._asked = stream, method
        self._answer, self._in_head, self._said = Answer(), True, False
        self._parser: Any = httptools.HttpResponseParser(self)

    # what the client calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send what it answers."""
        if not self.stream:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()
            return
        if self._in_head:
            return
        self._flush()

    def _flush(self) -> None:
        if not self._said:
            self._said = True
            self._road.say(self, self._answer, end=self.whole and not self.out)
        if self.stream:
            self._road.pump(self)
        if self.out and not self._paused:
            self._paused = True
            self._listener.pause_writing()

    def close(self) -> None:
        """End it, once all is sent."""
        if self._closing:
            return
        self._closing = True
        if not self.stream:
            self._lost()
        elif not self.whole and not self._in_head and self._answer.endless:
            self.whole = True
            self._road.pump(self)
        elif not self.whole:
            self.abort()

    def abort(self) -> None:
        """End it now."""
        if self.stream:
            self._road.cut(self)
            self.stream = 0
        self._closing = True
        self.out.clear()
        self._lost()

    def _lost(self) -> None:
        self._road.forget(self)
        self._road.edge.loop.call_soon(self.gone)  # whoever calls is in the middle of something

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another hear what comes."""
        self._listener = cast("asyncio.Protocol", protocol)

    def is_closing(self) -> bool:
        """Return whether it has ended, or will."""
        return self._closing

    def pause_reading(self) -> None:
        """Let no more of the request come."""
        self.held = True

    def resume_reading(self) -> None:
        """Let it come."""
        self.held = False
        self._road.grant(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection; the socket is not of one lane alone."""
        transport = self._road.transport
        if transport is None or name == "socket":
            return default
        return transport.get_extra_info("socket" if name == SHARED else name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: it waits as soon as anything is left."""

    def get_write_buffer_size(self) -> int:
        """Return how much waits."""
        return len(self.out)

    def can_write_eof(self) -> bool:
        """Return no: an answer ends by itself."""
        return False

    # httptools calls these

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; trailers go no further."""
        if self._in_head:
            self._answer.add(name, value)

    def on_headers_complete(self) -> None:
        """Send the head of an interim answer, or keep that of the last."""
        status = self._parser.get_status_code()
        self._answer.status = b"%d" % status
        if status < _FINAL:
            self._road.say(self, self._answer, end=False)
            self._answer = Answer()
            return
        self._in_head = False
        self.whole = self._asked == b"HEAD"

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._asked != b"HEAD":
            self.out += body

    def on_message_complete(self) -> None:
        """Hear that this was all of it."""
        self.whole = not self._in_head
