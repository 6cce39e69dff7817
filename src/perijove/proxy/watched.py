"""Watched: a client whose requests get a line in the access log; others cost nothing more."""

import asyncio
from collections.abc import Callable
from functools import partial

from perijove.kit.clock import Clock
from perijove.proxy.access import AccessLog
from perijove.proxy.body import Body
from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.entries import BROKEN, LEFT, Entries, Entry
from perijove.proxy.head import Request, Response
from perijove.proxy.log import Log
from perijove.proxy.marks import fresh
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
    """Does what a client does, and tells of it."""

    __slots__ = ("_entries", "_entry")

    def __init__(self, edge: Edge, entries: Entries) -> None:
        super().__init__(edge)
        self._entries = entries
        self._entry: Entry | None = None
        """That of the request which is being answered."""

    def data_received(self, data: bytes) -> None:
        """Count what comes through a WebSocket."""
        if self.frames is not None and self._entry is not None:
            self._entry.received += len(data)
        super().data_received(data)

    def write(self, data: bytes) -> None:
        """Count what is written."""
        if self._entry is not None:
            self._entry.sent += len(data)
        super().write(data)

    def _upload(self, body: Body, data: bytes) -> bytes:
        entry, before = self._entry, self._edge.counts.received
        rest = super()._upload(body, data)
        if entry is not None:
            entry.received += self._edge.counts.received - before
        return rest

    def _refuse_body(self, refusal: Refusal) -> None:
        if self._begun:  # else it is refused as a whole
            self._tell(refusal.reason)
        super()._refuse_body(refusal)

    def _serve(self, request: Request) -> None:
        self._route = None
        self._entry = Entry(request, self._edge.loop.time(), received=len(request.fields.head))
        super()._serve(request)

    def answered(self, response: Response, first: bytes) -> None:
        """Note the status."""
        if self._entry is not None:
            self._entry.status = response.status
        super().answered(response, first)

    def switched(self, response: Response) -> None:
        """Note the status; the line comes when the WebSocket ends."""
        if self._entry is not None:
            self._entry.status = response.status
        super().switched(response)

    def _reply(self, said: Page) -> None:
        if self._entry is not None:
            self._entry.status = said.status
        super()._reply(said)

    def finished(self) -> bool:
        """Tell of a whole answer."""
        self._tell()
        return super().finished()

    def ended(self) -> None:
        """Tell of a WebSocket whose target has gone."""
        self._tell()
        super().ended()

    def broken(self) -> None:
        """Tell of half an answer."""
        self._tell(BROKEN)
        super().broken()

    def refuse(self, refusal: Refusal, mark: bytes = b"") -> None:
        """Tell of what was not passed on."""
        if self._entry is None:
            self._entry = Entry(None, self._edge.loop.time())
        self._entry.status = refusal.status
        self._entry.mark = mark = mark or fresh()
        super().refuse(refusal, mark)
        self._tell(refusal.reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of whoever has left before the end of an answer."""
        super().connection_lost(exc)
        self._tell("" if self.frames else LEFT)

    def _tell(self, end: str = "") -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        entry.end, entry.peer = end, self._peer
        entry.status = entry.status or _LEFT
        entry.route = self._route.prefix if self._route else ""
        if entry.request is not None and self._outward.trusted:
            told = entry.request.fields.named.get(b"x-forwarded-for", b"")
            entry.told_for = told.decode("latin-1")
        self._entries.add(entry, self._edge.loop.time())
