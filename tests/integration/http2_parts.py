"""A client of HTTP/2 that does as it is told, well or badly."""

import asyncio
import ssl
from collections import defaultdict
from contextlib import suppress
from typing import Any, Self

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

Fields = list[tuple[bytes, bytes]]


def get(path: str, method: str = "GET", *more: tuple[bytes, bytes]) -> Fields:
    """Return the fields of a request."""
    return [
        (b":method", method.encode()),
        (b":scheme", b"https"),
        (b":authority", b"edge"),
        (b":path", path.encode()),
        *more,
    ]


class Browser:
    """One connection. Windows are opened as data comes, but for streams that are `slow`."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self._port, self._trusted = port, trusted
        trusted.check_hostname = False
        trusted.set_alpn_protocols(["h2"])
        config = H2Configuration(
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = H2Connection(config)
        self.slow = set[int]()
        self.bodies: dict[int, bytearray] = defaultdict(bytearray)
        self.heads: dict[int, dict[bytes, bytes]] = {}
        self.interim: dict[int, list[bytes]] = defaultdict(list)
        self.ended = set[int]()
        self.resets: dict[int, int] = {}
        self.gone: int | None = None
        """The code with which the other side said that it goes."""
        self.closed = False
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._trusted, server_hostname="edge.test"
        )
        assert self.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 24)
        await self.flush()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self.writer.close()

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def ask(self, fields: Fields, *, end: bool = True) -> int:
        """Begin a request; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=end)
        await self.flush()
        return stream

    async def send(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Send a body, as fast as the windows let it."""
        at = 0
        while at < len(data):
            await self.until(lambda: self.h2.local_flow_control_window(stream) > 0)
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, data[at : at + room])
            at += room
            await self.flush()
        if end:
            self.h2.end_stream(stream)
            await self.flush()

    async def whole(self, stream: int, seconds: float = 15) -> tuple[int, bytes]:
        """Return status and body of an answer that comes to its end."""
        await self.until(lambda: stream in self.ended or stream in self.resets, seconds)
        assert stream in self.ended, self.resets
        return int(self.heads[stream][b":status"]), bytes(self.bodies[stream])

    async def until(self, done: Any, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: done() or self.closed)
        assert done(), "the connection has ended"

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(65_536):
                for event in self.h2.receive_data(data):
                    self._note(event)
                await self.flush()
                async with self._news:
                    self._news.notify_all()
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.closed = True
            async with self._news:
                self._news.notify_all()

    def _note(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self.heads[event.stream_id or 0] = dict(event.headers)
        elif isinstance(event, InformationalResponseReceived):
            self.interim[event.stream_id or 0].append(dict(event.headers)[b":status"])
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id or 0] += event.data
            self.h2.increment_flow_control_window(event.flow_controlled_length or 1)
            if event.stream_id not in self.slow and event.stream_ended is None:
                much = event.flow_controlled_length or 1
                with suppress(ProtocolError):  # it may have ended with what came next
                    self.h2.increment_flow_control_window(much, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.ended.add(event.stream_id or 0)
        elif isinstance(event, StreamReset):
            self.resets[event.stream_id or 0] = int(event.error_code or 0)
        elif isinstance(event, ConnectionTerminated):
            self.gone = int(event.error_code or 0)
            # What is running goes on (RFC 9113, 6.8), which h2 does not know.
            self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
