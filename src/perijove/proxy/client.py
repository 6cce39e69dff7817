"""Client: the requests of one connection from a browser or program, one after the other."""

import asyncio
import logging

from perijove.proxy.body import Endless
from perijove.proxy.edge import Edge
from perijove.proxy.head import BLANK_LINES, LIMIT, Request, Response, check_unfinished
from perijove.proxy.incoming import Incoming
from perijove.proxy.line import Line
from perijove.proxy.marks import id_of
from perijove.proxy.outward import CLOSE, UPGRADE
from perijove.proxy.pages import HEALTH, Page, answer, healthy, page
from perijove.proxy.paths import canonical
from perijove.proxy.refusal import Refusal
from perijove.proxy.transports import closed, reset
from perijove.proxy.tree import Route
from perijove.proxy.upstream import Upstream
from perijove.proxy.websocket import GOING_AWAY, Frames

_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
_SUCCESS_ENDS = 300


class Client(Line):
    """Reads requests, asks upstreams and writes what they answer."""

    __slots__ = (
        *("_apology", "_begun", "_body", "_endless", "_good", "_looked", "_replay"),
        *("_request", "_route", "_since", "_up", "upgrade"),
    )

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self._request: Request | None = None
        self._body: Incoming | None = None
        self._route: Route | None = None
        self._up: Upstream | None = None
        self._apology: asyncio.Task[None] | None = None
        self._replay = b""
        self._looked = 0  # so much of the buffer has no end of a head
        self._begun = self._endless = self._good = self.upgrade = False

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._request is not None

    @property
    def waiting(self) -> bool:
        """Whether a request has come as a whole and its answer has not begun.

        Who says no more (FIN) then may still listen; later it is somebody who has left.
        """
        return self._request is not None and not (self._body or self._begun or self.frames)

    def drop_upstream(self) -> None:
        """Give the upstream up; a WebSocket's is given what was sent before."""
        up, self._up = self._up, None
        if self._apology is not None:
            self._apology.cancel()
        if up is not None:
            up.abandon()

    def go_away(self) -> None:
        """Close after the running request; a WebSocket at once, with code 1001."""
        self._keep = False
        if self.frames is not None:
            if self.frames.between:
                self.write(GOING_AWAY)
            self.drop_upstream()
            self.leave()
        elif self._request is None and not self._leaving:
            closed(self._transport)

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long, be it the client or the target."""
        super().sweep(now)
        asked = self._request is not None and self.frames is None and not self._leaving
        if asked and now - self._still > self._edge.manner.quiet_seconds:
            self.abandon()
        elif asked and self._up and now - self._still > self._edge.manner.answer_seconds:
            self._up.give_up()
        elif asked and self._body and not self._begun and self._body.late(now, held=self._held):
            self.refuse(Refusal(408, "slow-body"))

    def data_received(self, data: bytes) -> None:
        """Take whatever comes: heads, bodies, frames."""
        if self._leaving:
            return
        if self.frames is not None:
            if self._up is not None and self._route is not None:
                self._edge.counts.received += len(data)
                self._route.used = self._edge.loop.time()
                self._up.send(data)
            return
        if self._body is not None:
            data = self._upload(self._body, data)
        if data:
            begun, self._buffer = not self._buffer, self._buffer + data
            self._next(begun=begun)

    def _upload(self, body: Incoming, data: bytes) -> bytes:
        """Send what belongs to the body; return the rest."""
        self._moved = True
        try:
            end = body.feed(data)
        except Refusal as refusal:
            self._refuse_body(refusal)
            return b""
        rest = b""
        if end >= 0:
            self._body = None
            data, rest = data[:end], data[end:]
        self._edge.counts.received += len(data)
        if self._up is not None and self._route is not None and data:
            self._route.used = self._edge.loop.time()
            self._up.send(data)
        return rest

    def _refuse_body(self, refusal: Refusal) -> None:
        if self._begun:
            self.drop_upstream()
            reset(self._transport)
        else:
            self.refuse(refusal, self._request.mark if self._request else b"")

    def _next(self, *, begun: bool = False) -> None:
        """Read the next head, which has `begun` just now."""
        if self._request is not None or self.full or self._leaving:
            self.throttle()
            return
        data = self._buffer
        if data.startswith(b"\r\n"):
            data, self._looked = BLANK_LINES.sub(b"", data, 1), 0
        end = data.find(b"\r\n\r\n", max(0, self._looked - 3)) + 4
        try:
            if end < 4 or end > LIMIT:  # noqa: PLR2004 - find() gave -1
                if begun:
                    self.await_head(begun=True)
                check_unfinished(data, self._looked)
                self._looked, self._buffer = len(data), data or self._buffer  # blanks gain no time
                self.throttle()
                return
            request = Request(data[:end], self._edge.referee)
            self._buffer, self._looked = b"" if request.body else data[end:], 0
            self._serve(request)
        except Refusal as refusal:
            self.refuse(refusal)
            return
        if request.body and len(data) > end:
            self.data_received(data[end:])
        elif self._buffer:
            self.throttle()

    def _serve(self, request: Request) -> None:
        path = canonical(request.path)
        self._request, self._moved, self._since = request, True, self._edge.loop.time()
        self._begun = self._endless = False
        self._body = Incoming(request, self._edge, self._since) if request.body else None
        self._keep, self.upgrade = request.keep and not self._edge.draining, request.upgrade
        self._edge.counts.asked[request.upgrade] += 1
        request.mark = self._outward.mark(request)
        if path in HEALTH:
            self._reply(healthy())
            return
        route = self._route = self._edge.table.match(path, request.host)
        if route is None:
            self.unanswered(404, again=False)
            return
        head = self._outward.request(request, route)
        repeatable = request.body is None and request.method in _REPEATABLE
        if not repeatable:
            self._edge.sign_ins.check(request, path, self.address)
        self._replay = head if repeatable else b""
        kept = route.target.take(self._since, repeatable=repeatable)
        self._ask(kept if isinstance(kept, Upstream) else None, head)

    def _ask(self, up: Upstream | None, head: bytes) -> None:
        assert self._route is not None
        assert self._request is not None
        self._up = up or Upstream(self._edge, self._route.target)
        self._up.ask(self, self._request.method, head)

    def throttle(self) -> None:
        """Read no more of the request while the upstream cannot take it."""
        full = self._up is not None and self._up.full
        self.hold(held=full or len(self._buffer) > LIMIT)

    def pause_writing(self) -> None:
        """Read no more of the answer."""
        self.full = True
        if self._up is not None:
            self._up.throttle()

    def resume_writing(self) -> None:
        """Go on reading the answer."""
        self.full = False
        if self._up is not None:
            self._up.throttle()
        elif self._buffer:
            self._next()

    def informed(self, response: Response) -> None:
        """Pass an interim answer on, to who knows what it is."""
        if self._body is not None:
            self._body.invited = True
        if self._request is not None and self._request.minor == b"1":
            self.write(response.outgoing(b""))

    def answered(self, response: Response, first: bytes) -> None:
        """Pass the head of the answer on, with the first of its body in the same write."""
        self._begun = self._moved = True
        now = self._edge.counts.answered(response.status, self._since, len(first))
        self._endless = isinstance(response.body, Endless)
        self._keep = self._keep and not self._endless and self._body is None
        self._good = response.status < _SUCCESS_ENDS
        if self._good and self._route is not None:
            self._route.used = now
        extra = self._outward.response(response, self._request, self._route)
        self.write(response.outgoing(extra if self._keep else extra + CLOSE) + first)

    def passed(self, data: bytes) -> None:
        """Pass a part of the body on, or WebSocket frames."""
        self._moved = True
        self._edge.counts.sent += len(data)
        if self.frames is not None:
            self.frames.feed(data)
        if self._good and self._route is not None:
            self._route.used = self._edge.loop.time()
        self.write(data)

    def finished(self) -> bool:
        """End the exchange; return whether the whole request was sent."""
        all_sent = self._body is None
        self._up = self._request = self._body = None
        if not all_sent:
            self.leave()
        elif not self._keep:
            closed(self._transport)
        else:
            self.await_head(begun=bool(self._buffer))
            if self._held:
                self.throttle()
            if self._buffer:
                self._edge.loop.call_soon(self._next)
        return all_sent

    def switched(self, response: Response) -> None:
        """Become a tunnel."""
        assert self._request is not None
        self.frames, self._good, self._replay = Frames(), True, b""
        self._edge.counts.answered(response.status, self._since)
        extra = self._outward.response(response, self._request, self._route)
        self._request.fields.drop()
        self.write(response.outgoing(UPGRADE + extra))
        early, self._buffer = self._buffer, b""
        self.throttle()
        if early:
            self.data_received(early)

    def ended(self) -> None:
        """Close: the other end of the tunnel is gone."""
        self._up = None
        closed(self._transport)

    def broken(self) -> None:
        """Close in the middle of an answer, so that nobody takes it for a whole one."""
        self._up = None
        route = self._route.prefix if self._route else ""
        request = id_of(self._request.mark) if self._request else ""
        self._edge.log(logging.INFO, "broken", route=route, request=request)
        (reset if self._endless else closed)(self._transport)

    def unanswered(self, status: int, *, again: bool) -> None:
        """Ask once more where that is safe, else say that nobody answers."""
        self._up = None
        if again and self._replay:
            self._ask(None, self._replay)
            return
        self.throttle()
        assert self._request is not None
        self._apology = self._edge.loop.create_task(self._apologise(self._request, status))

    async def _apologise(self, request: Request, status: int) -> None:
        if request.upgrade:
            reason = "server-away" if self._route else "no-route"
            said = page(status, reason, request=id_of(request.mark))
        else:
            said = await self._edge.apology(request, self._route, status)
        if self._transport is not None and self._request is request and not self._leaving:
            self._reply(said)

    def _reply(self, said: Page) -> None:
        assert self._request is not None
        self._keep = self._keep and self._body is None
        self._edge.counts.answered(said.status, self._since)
        marks, whole = self._request.mark + self._strict, self._request.method != b"HEAD"
        self.write(answer(said, marks, keep=self._keep, with_body=whole))
        self.finished()
