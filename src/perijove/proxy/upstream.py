"""Upstream: one connection to a target, from the request that is sent to the end of its answer."""

import asyncio
import os
from contextlib import suppress
from typing import cast

from perijove.proxy.asker import Asker
from perijove.proxy.body import Body, Endless
from perijove.proxy.edge import Edge
from perijove.proxy.head import LIMIT, Response
from perijove.proxy.refusal import Refusal
from perijove.proxy.target import Target
from perijove.proxy.transports import aborted, closed, peer_address, unbuffered

_CONNECT_SECONDS = 5.0
_SWITCHING = 101
_FINAL = 200
_REST_READS = 16
_STUCK_SECONDS = 10.0
"""How long what a WebSocket has said last may take to be read."""
_SPACE = memoryview(bytearray(262_144))
"""Where all of them read into, one after the other."""
_LITTLE = _SPACE[:65_536]
_FLOWS = 4 * 1024 * 1024
"""After so many bytes without a pause a reader is fast enough for large pieces."""


class Upstream(asyncio.BufferedProtocol):
    """Sends what it is given and understands what comes back. Owned by an asker or the pool."""

    __slots__ = (
        *("_body", "_buffer", "_edge", "_flown", "_held", "_keep", "_method", "_pending"),
        *("_reused", "_task", "_transport", "asker", "full", "idle_since", "target", "tunnel"),
    )

    def __init__(self, edge: Edge, target: Target) -> None:
        self._edge = edge
        self.target = target
        self.asker: Asker | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._pending: list[bytes] = []
        self._buffer = b""
        self._body: Body | None = None
        self._method = b""
        self._flown = 0
        self._keep = self._held = self._reused = False
        self.full = self.tunnel = False
        self.idle_since = 0.0

    def ask(self, asker: Asker, method: bytes, head: bytes) -> None:
        """Send the head of a request of `asker`."""
        self.asker = asker
        self._method = method
        if self._transport is None:
            self._pending.append(head)
            self.full = True  # until it is connected: read no further
            self._task = self._edge.loop.create_task(self._connect())
        else:
            self._reused = True
            self._edge.counts.reused += 1
            self._transport.write(head)

    def send(self, data: bytes) -> None:
        """Send more of the request."""
        if self._transport is not None:
            self._transport.write(data)
            return
        self._pending.append(data)
        if self.asker is not None:
            self.asker.throttle()  # no more until it is connected

    def close(self) -> None:
        """Close it when all is sent, or soon; nobody waits for an answer."""
        self.asker = None
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            self._edge.loop.call_later(_STUCK_SECONDS, transport.abort)
        closed(transport)

    def abandon(self) -> None:
        """Close it at once: the asker is gone. A WebSocket's gets what was sent before."""
        if self.tunnel and self.asker is not None:
            self.close()
            return
        self.asker = None
        aborted(self._transport)

    def give_up(self) -> None:
        """Wait no longer for an answer, or for the rest of one."""
        if self.asker is None:
            return
        if self._body is None:
            self._unanswered(503, "silent")
        else:
            self._break(self.asker, "silent")

    def throttle(self) -> None:
        """Stop reading while the asker cannot take more."""
        held = self.asker is not None and self.asker.full
        if held is not self._held and self._transport and not self._transport.is_closing():
            self._held = held
            if held:
                self._flown = 0
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    async def _connect(self) -> None:
        loop, target = self._edge.loop, self.target
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if target.socket:
                    await loop.create_unix_connection(lambda: self, target.socket)
                else:
                    tls = self._edge.certified() if target.tls else None
                    await loop.create_connection(lambda: self, target.host, target.port, ssl=tls)
        except TimeoutError:
            self._unanswered(503, "connect-timeout")
        except (OSError, ValueError):  # also a certificate or a name that is no good
            self._unanswered(503, "connect")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has been waiting."""
        # uvloop's transports are not asyncio's by class
        self._transport = cast("asyncio.Transport", transport)
        unbuffered(self._transport)
        self._edge.counts.made += 1
        self.full = False
        if self.asker is None:
            self.abandon()
        elif self._edge.shuns is not None and self._edge.shuns(peer_address(self._transport)):
            self._unanswered(503, "shunned")
        else:
            self._transport.writelines(self._pending)
            self._pending.clear()
            self.asker.throttle()

    def pause_writing(self) -> None:
        """Let the asker wait."""
        self.full = True
        if self.asker is not None:
            self.asker.throttle()

    def resume_writing(self) -> None:
        """Let the asker go on."""
        self.full = False
        if self.asker is not None:
            self.asker.throttle()

    def get_buffer(self, _: int) -> memoryview:
        """Return where to read into."""
        return _SPACE if self._flown > _FLOWS else _LITTLE

    def buffer_updated(self, size: int) -> None:
        """Take what has been read."""
        self.data_received(bytes(_SPACE[:size]))

    def data_received(self, data: bytes) -> None:
        """Pass on what belongs to the answer."""
        if self.asker is None:
            self.eof_received()
            self.abandon()  # nobody asked
        elif self.tunnel:
            self.asker.passed(data)
        elif self._body is not None:
            self._more(self.asker, self._body, data)
        else:
            self._head(self.asker, self._buffer + data if self._buffer else data)

    def eof_received(self) -> None:
        """Have nobody use it again."""
        if self.asker is None:
            self.target.forget(self)

    def _head(self, asker: Asker, data: bytes) -> None:
        at, looked = 0, max(0, len(self._buffer) - 3)
        self._buffer = b""
        while self.asker is asker and at < len(data):
            end = data.find(b"\r\n\r\n", looked) + 4
            try:
                if end < 4 or end - at > LIMIT:  # noqa: PLR2004 - find() gave -1
                    self._wait(data[at:])
                    return
                response = Response(data[at:end], self._method)
            except Refusal:
                self._unanswered(502, "bad-answer")
                return
            if response.status >= _FINAL:
                self._begin(asker, response, data[end:])
                return
            if response.status == _SWITCHING:
                self._switch(asker, response, data[end:])
                return
            asker.informed(response)
            at = looked = end

    def _wait(self, data: bytes) -> None:
        if len(data) > LIMIT or not data.startswith(b"HTTP/1."[: len(data)]):
            raise Refusal(502, "bad-answer")
        self._buffer = data

    def _begin(self, asker: Asker, response: Response, rest: bytes) -> None:
        self._keep = response.keep
        body = self._body = response.body
        try:
            end = body.feed(rest) if body is not None else 0
        except Refusal:
            asker.answered(response, b"")
            self._break(asker, "bad-answer")
            return
        asker.answered(response, rest if end < 0 else rest[:end])
        if end >= 0:
            self._finish(asker, clean=end == len(rest))

    def _more(self, asker: Asker, body: Body, data: bytes) -> None:
        try:
            end = body.feed(data)
        except Refusal:
            self._break(asker, "bad-answer")
            return
        if end < 0:
            self._flown += len(data)
            asker.passed(data)
            return
        if end:
            asker.passed(data[:end] if end < len(data) else data)
        self._finish(asker, clean=end == len(data))

    def _switch(self, asker: Asker, response: Response, rest: bytes) -> None:
        if not asker.upgrade:
            self._unanswered(502, "bad-answer")
            return
        self.tunnel = True
        self._edge.counts.websockets += 1
        asker.switched(response)
        if rest:
            asker.passed(rest)

    def _finish(self, asker: Asker, *, clean: bool) -> None:
        self.asker = None
        self._body = None
        all_sent = asker.finished()
        self.throttle()
        alive = self._transport is not None and not self._transport.is_closing()
        if clean and all_sent and self._keep and alive:
            self.target.give(self, self._edge.loop.time())
        else:
            self.close()

    def _break(self, asker: Asker, cause: str) -> None:
        self._edge.counts.failed[cause] += 1
        self.abandon()
        asker.broken()

    def _unanswered(self, status: int, cause: str, *, silent: bool = False) -> None:
        asker = self.asker
        self.abandon()
        if asker is not None:
            stale = silent and self._reused
            self._edge.counts.failed["stale" if stale else cause] += 1
            asker.unanswered(status, again=stale)

    def _read_rest(self) -> None:
        """Read what the kernel still holds of an answer.

        Who refuses a request before it has come whole closes at once. Our next write then
        fails, which loses the connection, while Linux keeps what came before readable.
        """
        sock = self._transport.get_extra_info("socket") if self._transport else None
        if sock is None or self.tunnel or self.target.tls:
            return
        with suppress(OSError):  # all is read, or the reset itself
            for _ in range(_REST_READS):
                data = os.read(sock.fileno(), LIMIT)
                if not data or self.asker is None:
                    return
                self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say how the answer ended."""
        if exc is not None:
            self._read_rest()
        self._transport = None
        self._edge.counts.websockets -= self.tunnel
        asker = self.asker
        if asker is None:
            self.target.forget(self)
        elif self.tunnel:
            self.asker = None
            asker.ended()
        elif self._body is None:
            status, cause = (502, "cut-short") if self._buffer else (503, "closed")
            self._unanswered(status, cause, silent=not self._buffer)
        elif isinstance(self._body, Endless) and exc is None:
            self._keep = False
            self._finish(asker, clean=True)
        else:
            self._break(asker, "cut-short")
