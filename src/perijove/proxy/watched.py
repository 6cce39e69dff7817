"""Watched: a client whose requests get a line in the access log; others cost nothing more."""

import asyncio
from collections.abc import Callable
from functools import partial

from perijove.kit.clock import Clock
from perijove.proxy.access import AccessLog
from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.entries import BROKEN, LEFT, Entries, Entry
from perijove.proxy.head import Request, Response
from perijove.proxy.incoming import Incoming
from perijove.proxy.log import Log
from perijove.proxy.marks import fresh, id_of
from perijove.proxy.pages import Page
from perijove.proxy.refusal import Refusal
from perijove.proxy.running import CannotServe

_LEFT = 499
"""The status that nginx writes for whoever did not wait for an answer."""


class Access:
    """The access log of a process; if no `place` is named there is none, and it costs nothing."""

    def __init__(self, place: str, sample: float, log: Log) -> None:
        """Open it.

        Raises:
            CannotServe: it cannot be written.
        """
        self._sample = sample
        self._log: AccessLog | None = None
        if place:
            try:
                loop = asyncio.get_running_loop()
                self._log = AccessLog(place, log, loop.call_soon_threadsafe)
            except OSError as error:
                sentence = f"Cannot write --access-log {place}: {error.strerror}."
                raise CannotServe(sentence) from error

    @property
    def dropped(self) -> int:
        """How many lines could not be written."""
        return self._log.dropped if self._log else 0

    def clients(self, edge: Edge) -> Callable[[], Client]:
        """Return what makes the clients of `edge`."""
        if self._log is None:
            return partial(Client, edge)
        return partial(Watched, edge, Entries(self._log, Clock(), self._sample))

    def sweep(self, now: float) -> None:
        """Have written what the last second has brought."""
        if self._log:
            self._log.sweep(now)

    def reopen(self) -> None:
        """Open the file anew."""
        if self._log:
            self._log.reopen()

    def close(self) -> None:
        """Write what is left."""
        if self._log:
            self._log.close()


class Watched(Client):
    """Does what a client does, and tells of it.

    What is called for each request names its class: super() costs as much as what it does.
    """

    __slots__ = ("_asked", "_entries", "_received", "_sent", "_status")

    def __init__(self, edge: Edge, entries: Entries) -> None:
        super().__init__(edge)
        self._entries = entries
        self._asked: Request | None = None
        """What is being answered, and has no line yet."""
        self._received = self._sent = self._status = 0

    def data_received(self, data: bytes) -> None:
        """Count what comes through a WebSocket."""
        if self.frames is not None:
            self._received += len(data)
        Client.data_received(self, data)

    def write(self, data: bytes) -> None:
        """Count what is written."""
        self._sent += len(data)
        Client.write(self, data)

    def _upload(self, body: Incoming, data: bytes) -> bytes:
        before = self._edge.counts.received
        rest = super()._upload(body, data)
        self._received += self._edge.counts.received - before
        return rest

    def _refuse_body(self, refusal: Refusal) -> None:
        if self._begun:  # else it is refused as a whole
            self._tell(refusal.reason)
        super()._refuse_body(refusal)

    def _serve(self, request: Request) -> None:
        self._asked, self._route = request, None
        self._received, self._sent, self._status = len(request.fields.head), 0, 0
        super()._serve(request)

    def answered(self, response: Response, first: bytes) -> None:
        """Note the status."""
        self._status = response.status
        Client.answered(self, response, first)

    def switched(self, response: Response) -> None:
        """Note the status; the line comes when the WebSocket ends."""
        self._status = response.status
        super().switched(response)

    def _reply(self, said: Page) -> None:
        self._status = said.status
        super()._reply(said)

    def finished(self) -> bool:
        """Tell of a whole answer."""
        self._tell("")
        return Client.finished(self)

    def ended(self) -> None:
        """Tell of a WebSocket whose target has gone."""
        self._tell("")
        super().ended()

    def broken(self) -> None:
        """Tell of half an answer."""
        self._tell(BROKEN)
        super().broken()

    def refuse(self, refusal: Refusal, mark: bytes = b"") -> None:
        """Tell of what was not passed on."""
        mark = mark or fresh()
        if self._request is None:  # its head was refused
            self._since, self._route = self._edge.loop.time(), None
        if self._asked is None:
            self._received, self._sent = len(self._buffer), 0
        self._status = refusal.status
        super().refuse(refusal, mark)
        self._line(self._asked, id_of(mark), refusal.reason)
        self._asked = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of whoever has left before the end of an answer."""
        super().connection_lost(exc)
        self._tell("" if self.frames else LEFT)

    def _tell(self, end: str) -> None:
        """Write the line of what is being answered, if it has none yet and is to have one."""
        request, self._asked = self._asked, None
        if request is not None and self._entries.wants(self._status, end):
            self._line(request, id_of(request.mark), end)

    def _line(self, request: Request | None, name: str, end: str) -> None:
        told_for = b""
        if request is not None and self._outward.trusted:
            told_for = request.fields.named.get(b"x-forwarded-for", b"")
        self._entries.add(
            Entry(
                request=request,
                id=name,
                status=self._status or _LEFT,
                received=self._received,
                sent=self._sent,
                seconds=self._edge.loop.time() - self._since,
                route=self._route.prefix if self._route else "",
                peer=self.address,
                told_for=told_for.decode("latin-1"),
                end=end,
            )
        )
