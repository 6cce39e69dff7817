"""Control: a small HTTP server beside the data plane, for the API, metrics and redirects."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol, cast

import httptools

from perijove.proxy.pages import PHRASES
from perijove.proxy.transports import aborted, closed, unbuffered

_HEAD_LIMIT = 65_536
_BODY_LIMIT = 1024 * 1024
_SECONDS, _LEAVING_SECONDS = 60.0, 5.0
_NO_CONTENT = 204
_SHAPE = b"Content-Type: %b\r\nContent-Length: %d\r\n"
_UNTAKEN = 65_536
"""Bytes of answers not yet sent with which another request is too much."""
_MOST = 1000
"""Connections to one desk; people have the data plane."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Asked:
    """A request; its body is there once all of it is."""

    method: str = ""
    url: bytes = b""
    fields: dict[bytes, bytes] = field(default_factory=dict)
    """By their names in lower case; of several the last."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    status: int
    body: bytes = b""
    kind: bytes = b"text/plain; charset=utf-8"
    fields: bytes = b""
    """More of its head, whole lines."""


_TOO_MUCH = Said(413, b"The body of the request is too large.")


class Desk(Protocol):
    """Who answers."""

    def admit(self, asked: Asked) -> Said | None:
        """Return a refusal before any of the body is read, or None."""

    def answer(self, asked: Asked) -> Said:
        """Return the answer."""


class Control(asyncio.Protocol):
    """One connection; what it may send is limited before anything of it is understood."""

    def __init__(self, desk: Desk, lines: "Lines") -> None:
        self._desk = desk
        self._lines = lines
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._asked = Asked()
        self._head = 0
        self._body: list[bytes] = []
        self._size = 0
        self._in_head = True
        self._leaving = False
        self._said = 0
        """Bytes of the answers to what came with the last data."""
        self.quiet_since = asyncio.get_running_loop().time()
        self.admitted = False
        """Whether it has asked for something that it may ask for."""

    # the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        unbuffered(self._transport)
        self._lines.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Let go of it."""
        self._lines.leave(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take whatever comes."""
        if self._leaving:
            return
        self._said = 0
        if self._in_head:
            self._head += len(data)  # however slowly it comes, a head has its time as a whole
        else:
            self.quiet_since = asyncio.get_running_loop().time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end(Said(400, b"This does not switch protocols."))
        except httptools.HttpParserError:
            self._end(Said(400, b"This is not a valid HTTP request."))
        else:
            if self._in_head and self._head > _HEAD_LIMIT:
                self._end(Said(431, b"The head of the request is too large."))

    def sweep(self, now: float) -> None:
        """Close it if nothing has come for a while."""
        if now - self.quiet_since > (_LEAVING_SECONDS if self._leaving else _SECONDS):
            aborted(self._transport)

    def close(self) -> None:
        """Close it when what was written is sent."""
        closed(self._transport)

    def abandon(self) -> None:
        """Close it now."""
        aborted(self._transport)

    # httptools calls these

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._asked = Asked()
        self._body, self._size = [], 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._asked.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; what comes behind a body is for nobody here."""
        if self._in_head:
            self._asked.fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Refuse what may not be asked, before its body is read."""
        self._in_head = False
        self._asked.method = self._parser.get_method().decode("latin-1")
        if int(self._asked.fields.get(b"content-length", 0)) > _BODY_LIMIT:
            self._end(_TOO_MUCH)
            return
        refusal = self._desk.admit(self._asked)
        self.admitted = self.admitted or refusal is None
        if refusal is not None:
            self._end(refusal)
        elif self._asked.fields.get(b"expect", b"").lower() == b"100-continue":
            self._write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._size += len(body)
        if self._size > _BODY_LIMIT:
            self._body.clear()
            self._end(_TOO_MUCH)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        if self._transport is None or self._leaving or self._transport.is_closing():
            return
        # uvloop does not count what it has been given since it last looked
        if self._transport.get_write_buffer_size() + self._said > _UNTAKEN:
            self._transport.abort()  # it asks and asks, and takes no answer
            return
        self._asked.body = b"".join(self._body)
        self._in_head, self._head = True, 0
        self.quiet_since = asyncio.get_running_loop().time()
        keep = self._parser.should_keep_alive()
        self._say(self._desk.answer(self._asked), keep=keep)
        if not keep:
            self.close()

    def _say(self, said: Said, *, keep: bool) -> None:
        head = b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (
            said.status,
            PHRASES.get(said.status, b"Error"),
            b"" if said.status == _NO_CONTENT else _SHAPE % (said.kind, len(said.body)),
            said.fields,
            b"" if keep else b"Connection: close\r\n",
        )
        whole = head if self._asked.method == "HEAD" else head + said.body
        self._said += len(whole)
        self._write(whole)

    def _end(self, said: Said) -> None:
        """Answer and leave: what follows is not understood, or not wanted.

        Closing at once, with bytes unread, would send a RST that overtakes the answer.
        """
        transport = self._transport
        if transport is None or self._leaving or transport.is_closing():
            return
        self._say(said, keep=False)
        self._leaving = True
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


class Lines:
    """The connections to one desk."""

    def __init__(self) -> None:
        self._open: dict[Control, None] = {}

    def enter(self, line: Control) -> None:
        """Take `line` in; where there are too many, the oldest that was not let in gives way.

        Who has the token must not find the door blocked by those who have none.
        """
        if len(self._open) >= _MOST:
            strangers = (it for it in self._open if not it.admitted)
            oldest = next(strangers, next(iter(self._open)))
            self.leave(oldest)
            oldest.abandon()
        self._open[line] = None

    def leave(self, line: Control) -> None:
        """Let `line` go."""
        self._open.pop(line, None)

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long."""
        for line in list(self._open):
            line.sweep(now)

    def close(self) -> None:
        """Close all of them."""
        for line in list(self._open):
            line.close()
