"""Exchange: one HTTP/1.1 connection; a request at a time, its answer whole or as it comes."""

import asyncio
import re
from collections.abc import Mapping
from typing import cast

import httptools

_AHEAD = 256 * 1024
"""Bytes of an answer that may wait to be taken before we stop reading."""
_HEAD = 64 * 1024
"""Bytes before the body; as many as a line may have in asyncio's streams."""
_FINAL = 200
_LINE_BREAK = re.compile(r"[\r\n\0]")
_TARGET = re.compile(r"/[!-~]*")


class Broken(ConnectionError):
    """The connection ended before the answer did, or what came is no HTTP; says which."""


def request(
    method: str, target: str, fields: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Return a request as bytes; `fields` has Host, and Content-Length is added.

    Raises:
        ValueError: `target` or a field would end before its end.
    """
    if not _TARGET.fullmatch(target):
        raise ValueError("the path of a request has a blank or a control character")
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    if _LINE_BREAK.search("".join(fields.values())):
        raise ValueError("a field of a request has a line break")
    if body is not None:
        lines += f"Content-Length: {len(body)}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")


class Exchange(asyncio.Protocol):
    """One connection, made by a loop's create_connection; used by one task at a time."""

    def __init__(self) -> None:
        self.status = 0
        self.used = 0
        """How many requests have been sent."""
        self.gone = asyncio.get_running_loop().create_future()
        """Done when the connection is no more."""
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._waiting = 0
        self._head = 0
        self._held = self._complete = self._keep = self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def _asked(self) -> httptools.HttpResponseParser:
        assert self._parser is not None, "it is the parser that calls"
        return self._parser

    @property
    def closed(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Return whether the answer was read to its end, and another request may follow.

        What has come and was not read would be taken for a part of the next answer.
        """
        return self._complete and self._keep and not self._parts and not self.closed

    @property
    def silent(self) -> bool:
        """Return whether not a byte of an answer has come."""
        return not self._head

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, whole: bytes) -> int:
        """Send a request; return the status of its answer, whose body is still to be read.

        Raises:
            Broken: there is none.
        """
        if self._transport is None or self._transport.is_closing():
            raise self._error or Broken("the connection was closed")
        assert not self._parts, "the answer before was read to its end"
        self.used += 1
        self.status, self._complete, self._keep, self._head = 0, False, False, 0
        self._fields = {}
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(whole)
        while not self.status:
            await self._something()
        return self.status

    def field(self, name: bytes) -> str | None:
        """Return a field of the answer; `name` is in small letters."""
        found = self._fields.get(name)
        return None if found is None else found.decode("latin-1")

    async def more(self) -> bytes:
        """Return the bytes of the body that have come since; none at its end.

        Raises:
            Broken: the connection ended before.
        """
        while not self._parts:
            if self._complete:
                return b""
            await self._something()
        parts, self._parts, self._waiting = self._parts, [], 0
        self._hold(held=False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def rest(self, most: int) -> bytes:
        """Return what is left of the body.

        Raises:
            Broken: the connection ended before, or there are over `most` bytes.
        """
        parts, size = [], 0
        while part := await self.more():
            size += len(part)
            if size > most:
                raise Broken(f"the answer has over {most} bytes")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _something(self) -> None:
        """Wait until more has come."""
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _break(self, why: str) -> None:
        self._error = self._error or Broken(why)
        self.close()
        self._wake()

    def _hold(self, *, held: bool) -> None:
        transport = self._transport
        if held is not self._held and transport is not None and not transport.is_closing():
            self._held = held
            if held:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Read on in the answer."""
        if self._parser is None or self._complete:
            self._break("it said something that nobody asked for")
            return
        if not self.status:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break("what it says is no HTTP")
            return
        if not self.status and self._head > _HEAD:
            self._break("its head has no end")
            return
        if self._waiting > _AHEAD:
            self._hold(held=True)
        self._wake()

    def eof_received(self) -> bool:
        """Let the connection be closed: the other end has said all."""
        self._ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Say how the answer ended; one without a length ends with the connection."""
        self._transport = None
        framed = b"content-length" in self._fields or b"transfer-encoding" in self._fields
        if self._ended and self.status and not framed:
            self._complete = True
        self._error = self._error or exc or Broken("the connection was closed")
        self._parser = None  # each holds the other
        self._wake()
        self.gone.set_result(None)

    def on_message_begin(self) -> None:
        """Refuse a second answer: it is of no request of ours."""
        if self._complete:
            raise Broken("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head, and none that comes after the body."""
        if not self.status:
            self._fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Begin with the body; what is only said on the way (1xx) has none."""
        status = self._asked.get_status_code()
        if status < _FINAL:
            self._fields = {}
        else:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._parts.append(body)
        self._waiting += len(body)

    def on_message_complete(self) -> None:
        """Be done, but for what was only said on the way."""
        if self.status:
            self._complete, self._keep = True, self._asked.should_keep_alive()
