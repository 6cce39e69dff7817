"""Road: the way out of a connection of HTTP/2, which all of its lanes share."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.head import LIMIT
from perijove.proxy.http2.frames import Frames
from perijove.proxy.http2.lane import Lane
from perijove.proxy.http2.spoken import Answer
from perijove.proxy.transports import aborted, closed

STREAMS = 100
"""That one connection may have open."""
WINDOW = 262_144
"""Bytes of the body of one request that may come before any of it is passed on."""
_FREE_LANES = 8
_PIECE = 32_768
"""Bytes of one answer before another has its turn."""
_CLOSING_SECONDS = 10.0
_UNTAKEN = 1_048_576
"""Bytes beside bodies that wait for somebody who takes nothing."""


class Road:
    """What is said goes out in frames, as far as the windows and the other side let it."""

    def __init__(self, edge: Edge, make: Callable[[], Client]) -> None:
        self.edge = edge
        self.make = make
        """Makes the client of a lane."""
        self.transport: asyncio.Transport | None = None
        self.frames = Frames()
        self.h2 = H2Connection(_CONFIG)
        self.h2.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self.lanes: dict[int, Lane] = {}
        """Those that answer, by their streams."""
        self.free = list[Lane]()
        self.full = self.hearing = self.going = self.over = False
        self._soon = False
        """Whether what is ready will be sent by itself."""
        self._ready = 0
        """Bytes of bodies among it."""
        self.deadline = edge.loop.time() + edge.limits.head_seconds

    def flush(self) -> None:
        """Send what is ready soon, together with what others say meanwhile; much of it now."""
        if self.hearing:
            return
        if self._ready > _PIECE:
            self.flush_now()
        elif not self._soon:
            self._soon = True
            self.edge.loop.call_soon(self.flush_now)

    def flush_now(self) -> None:
        """Send what is ready."""
        self._ready, self._soon = 0, False
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        data = self.h2.data_to_send()
        if data:
            transport.write(data)
            if self.full and transport.get_write_buffer_size() > _UNTAKEN:
                transport.abort()

    def say(self, lane: Lane, answer: Answer, *, end: bool) -> None:
        """Send the head of an answer; `end`: it has no body."""
        if self.over:
            return
        fields = [(b":status", answer.status), *answer.fields]
        self.h2.send_headers(lane.stream, fields, end_stream=end)
        if end:
            self._finish(lane)
        self.flush()

    def pump(self, lane: Lane) -> None:
        """Send of the body what the windows let through."""
        while lane.out and self._piece(lane):
            pass
        if lane.stream and lane.whole and not lane.out and not self.over:
            self.h2.end_stream(lane.stream)
            self._finish(lane)
        self.flush()

    def pump_all(self) -> None:
        """Send what waits, a frame of each in turn: none comes before the others."""
        waiting = [lane for lane in self.lanes.values() if lane.out]
        while waiting and not self.full:
            waiting = [lane for lane in waiting if self._piece(lane) and lane.out]
            self.flush()

    def _piece(self, lane: Lane) -> bool:
        """Send a frame of the body of an answer; return whether the windows let it through."""
        if self.full or self.over or not lane.stream:
            return False
        room = self.h2.local_flow_control_window(lane.stream)
        room = min(room, self.h2.max_outbound_frame_size, _PIECE)
        if room <= 0:
            return False
        piece = bytes(lane.out[:room])
        del lane.out[:room]
        end = lane.whole and not lane.out
        self.h2.send_data(lane.stream, piece, end_stream=end)
        self._ready += len(piece)
        self.frames.sent()
        if end:
            self._finish(lane)
        elif not lane.out:
            lane.eased()
        return True

    def grant(self, lane: Lane) -> None:
        """Let more of the request come."""
        if lane.owed and lane.stream in self.lanes and not lane.received and not self.over:
            with suppress(ProtocolError):  # all of it may have come by now
                self.h2.increment_flow_control_window(lane.owed, lane.stream)
            lane.owed = 0
            self.flush()

    def _finish(self, lane: Lane) -> None:
        """Hear that all of an answer is sent."""
        self.lanes.pop(lane.stream, None)
        if not lane.received:  # it need not send the rest (RFC 9113, 8.1)
            self.reset(lane.stream, ErrorCodes.NO_ERROR)
        lane.owed = 0
        lane.done()
        if lane.is_closing():
            pass
        elif len(self.free) < _FREE_LANES:
            self.free.append(lane)
        else:
            self.edge.loop.call_soon(lane.close)
        lane.eased()
        self.rest()

    def rest(self) -> None:
        """Wait for requests, if none runs."""
        if not self.lanes:
            self.deadline = self.edge.loop.time() + self.edge.manner.kept_seconds
            self.close_if_done()

    def cut(self, lane: Lane, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        """Tell that the answer has no end."""
        if self.lanes.pop(lane.stream, None) is not None:
            self.reset(lane.stream, code)
        self.rest()
        self.flush()

    def reset(self, stream: int, code: ErrorCodes) -> None:
        """End a stream, unless it has ended."""
        if not self.over:
            with suppress(ProtocolError):
                self.h2.reset_stream(stream, code)

    def forget(self, lane: Lane) -> None:
        """Hear that the client is gone."""
        if lane in self.free:
            self.free.remove(lane)

    def close_if_done(self) -> None:
        """Close it if no request runs and none will."""
        if self.going and not self.lanes:
            self.flush_now()
            self.end()

    def end(self) -> None:
        """Say nothing more, and close once what was said is sent."""
        self.over = True
        self.deadline = self.edge.loop.time() + _CLOSING_SECONDS
        if not self.hearing:
            closed(self.transport)

    def abandon(self) -> None:
        """Close it now."""
        aborted(self.transport)


_CONFIG = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,  # that is done where HTTP/1.1 is read
    normalize_inbound_headers=False,
)
_SETTINGS = {
    SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
    SettingCodes.MAX_HEADER_LIST_SIZE: LIMIT,
}
