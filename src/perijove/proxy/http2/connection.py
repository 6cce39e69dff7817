"""Http2: a connection of a browser that carries many requests at once (RFC 9113)."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from h2.connection import ConnectionState
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.forwarded import plain_address
from perijove.proxy.http2.frames import Flood
from perijove.proxy.http2.lane import Lane
from perijove.proxy.http2.road import Road
from perijove.proxy.http2.spoken import asked
from perijove.proxy.refusal import Refusal
from perijove.proxy.transports import aborted, closed, unbuffered

_ALL_WINDOWS = 1_048_576
"""Bytes of the bodies of all requests that may come before we have looked at them."""
_USUAL = 65_535
_GRANT = 65_536
_TABLE = 4096
"""Bytes of the fields of answers that are remembered for the other side, if it wants that much."""


class Http2(Road, asyncio.Protocol):
    """Each stream is given a lane; what comes for it goes there, and what it says goes out."""

    def __init__(self, edge: Edge, make: Callable[[], Client]) -> None:
        super().__init__(edge, make)
        self._last = 0
        """The newest stream."""
        self._owed = 0
        self.address = ""
        self._coming = b""
        """What waits to be heard out."""
        self._held = False
        self._heard: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._request,
            DataReceived: self._data,
            StreamEnded: self._ended,
            StreamReset: self._reset,
            WindowUpdated: self._window,
            RemoteSettingsChanged: self._settings,
            ConnectionTerminated: self._gone,
            TrailersReceived: lambda _: self.frames.noise(),
        }

    @property
    def idle(self) -> bool:
        """Whether it is kept without a request."""
        return not (self.lanes or self.hearing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say on what terms."""
        self.transport = cast("asyncio.Transport", transport)
        unbuffered(self.transport)
        peer = transport.get_extra_info("peername")
        self.address = plain_address(peer[0]) if peer else "unknown"
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(_ALL_WINDOWS - _USUAL)
        reason = self.edge.crowd.enter(self)
        if reason:
            self.edge.counts.refused[reason] += 1
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
        self.flush_now()
        if reason:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Let go of everything."""
        self.edge.crowd.leave(self)
        self.transport = None
        self.over = True
        self._coming = b""
        for lane in [*self.lanes.values(), *self.free]:
            lane.gone()
        self.lanes.clear()
        self.free.clear()

    def pause_writing(self) -> None:
        """Send no more of any answer."""
        self.full = True

    def resume_writing(self) -> None:
        """Go on."""
        self.full = False
        self.pump_all()

    def sweep(self, now: float) -> None:
        """Close it if nothing has been asked for too long."""
        if not self.full:
            self.frames.forgive()
        if now > self.deadline and self.over:
            aborted(self.transport)
        elif now > self.deadline and not self.lanes:
            self.go_away()

    def go_away(self) -> None:
        """Take no more requests, and close after those that run."""
        if not self.going and not self.over and self.transport is not None:
            self.going = True
            self.flush_now()
            last = GoAwayFrame(0, last_stream_id=self._last, error_code=0)
            self.transport.write(last.serialize())
        self.close_if_done()

    def data_received(self, data: bytes) -> None:
        """Take whatever comes."""
        self._coming += data
        if len(self._coming) == len(data):
            self._hear()

    def _hear(self) -> None:
        """Deal with a few frames; others have their turn before the rest."""
        if self.over or self.transport is None:
            self._coming = b""
            return
        self.hearing = True
        try:
            begin = 0
            for stop in self.frames.few(self._coming):
                self.flush_now()  # h2 forgets what it was to say when it hears of an end
                self._hear_events(self._coming[begin:stop])
                begin = stop
            self._coming = self._coming[begin:]
        except Flood:
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._give_up("flood")
        except ProtocolError:  # its own last words wait to be sent
            self._give_up("malformed")
        finally:
            self.hearing = False
        self.flush_now()
        if self.over:
            closed(self.transport)
            return
        if bool(self._coming) is not self._held:
            self._held = bool(self._coming)
            (self.transport.pause_reading if self._held else self.transport.resume_reading)()
        if self._coming:
            self.edge.loop.call_soon(self._hear)

    def _hear_events(self, data: bytes) -> None:
        for event in self.h2.receive_data(data) if data and not self.over else ():
            heard = self._heard.get(type(event))
            if heard is not None and not self.over:
                heard(event)

    def _gone(self, event: ConnectionTerminated) -> None:
        """Hear that the other side asks for nothing more."""
        if event.error_code:
            self._give_up("")
            return
        # What is running goes on (RFC 9113, 6.8), which h2 does not know; all that it throws
        # away are acknowledgements of what came together with this.
        self.h2.state_machine.state = ConnectionState.SERVER_OPEN
        self.going = True
        self.close_if_done()

    def _give_up(self, reason: str) -> None:
        """End all of it; no reason: the other side wants it so."""
        if reason:
            self.edge.counts.refused[reason] += 1
        lanes = list(self.lanes.values())
        self.lanes.clear()
        self.end()
        for lane in lanes:
            lane.gone()

    def _request(self, event: RequestReceived) -> None:
        stream = event.stream_id
        assert stream is not None
        if self.going:
            self.reset(stream, ErrorCodes.REFUSED_STREAM)
            return
        self._last = stream
        lane, whole = self._lane(stream), event.stream_ended is not None
        if lane.is_closing():  # there are too many already, which it has said
            if not whole:
                self.reset(stream, ErrorCodes.NO_ERROR)
            return
        self.lanes[stream] = lane
        try:
            request = asked(event.headers, whole=whole)
        except Refusal as refusal:
            lane.refuse(stream, refusal, whole=whole)
            return
        lane.begin(stream, request)
        if self.edge.draining:
            self.go_away()

    def _lane(self, stream: int) -> Lane:
        while self.free:
            lane = self.free.pop()
            if lane.free:
                return lane
            lane.close()
        return Lane(self, stream)

    def _data(self, event: DataReceived) -> None:
        much = event.flow_controlled_length
        self._owed += much
        if self._owed >= _GRANT:
            self.h2.increment_flow_control_window(self._owed)
            self._owed = 0
        if not event.data and event.stream_ended is None:
            self.frames.noise()
        lane = self.lanes.get(event.stream_id)
        if lane is None or not event.data:
            return
        lane.owed += much
        if not lane.take(event.data):
            self._malformed(lane)
        elif event.stream_ended is None and not lane.held and lane.owed >= _GRANT:
            self.grant(lane)

    def _ended(self, event: StreamEnded) -> None:
        lane = self.lanes.get(event.stream_id)
        if lane is not None and not lane.took_all():
            self._malformed(lane)

    def _malformed(self, lane: Lane) -> None:
        self.cut(lane, ErrorCodes.PROTOCOL_ERROR)
        lane.gone()

    def _reset(self, event: StreamReset) -> None:
        if not event.remote_reset:
            self.frames.noise()
        lane = self.lanes.pop(event.stream_id, None)
        if lane is not None:
            lane.gone()
        self.rest()

    def _window(self, event: WindowUpdated) -> None:
        lane = self.lanes.get(event.stream_id or 0)
        if lane is not None:
            self.pump(lane)
        elif not event.stream_id:
            self.pump_all()

    def _settings(self, event: RemoteSettingsChanged) -> None:
        if SettingCodes.HEADER_TABLE_SIZE in event.changed_settings:
            self.h2.encoder.header_table_size = min(_TABLE, self.h2.encoder.header_table_size)
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            self.pump_all()
