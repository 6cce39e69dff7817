"""Client: the requests of one connection from a browser or program, one after the other."""

import asyncio
import logging

from perijove.proxy.body import Body, Endless
from perijove.proxy.edge import Edge
from perijove.proxy.head import LIMIT, Request, Response
from perijove.proxy.line import Line
from perijove.proxy.outward import UPGRADE, Outward
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
        *("_apology", "_begun", "_body", "_endless", "_good", "_outward", "_replay"),
        *("_request", "_route", "_since", "_up", "upgrade"),
    )

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self._request: Request | None = None
        self._body: Body | None = None
        """What is still to come of the body of the request."""
        self._route: Route | None = None
        self._up: Upstream | None = None
        self._outward: Outward | None = None
        self._apology: asyncio.Task[None] | None = None
        self._replay = b""
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
        if up is not None and up.tunnel:
            up.close()
        elif up is not None:
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
            if not self._buffer:
                self.await_head(begun=True)
            self._buffer += data
            self._next(len(data))

    def _upload(self, body: Body, data: bytes) -> bytes:
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
            self.refuse(refusal)

    def _next(self, fresh: int = LIMIT) -> None:
        """Read the next head, of which the last `fresh` bytes are new."""
        if self._request is not None or self.full or self._leaving:
            self.throttle()
            return
        data = self._buffer
        while data.startswith(b"\r\n"):
            data = data[2:]
        end = data.find(b"\r\n\r\n", max(0, len(data) - fresh - 3)) + 4
        try:
            if end < 4 or end > LIMIT:  # noqa: PLR2004 - find() gave -1
                self._wait(data)
                return
            request = Request(data[:end], self._edge.referee)
            self._buffer = b""
            self._serve(request)
        except Refusal as refusal:
            self.refuse(refusal)
            return
        if len(data) > end:
            self.data_received(data[end:])

    def _wait(self, data: bytes) -> None:
        if len(data) > LIMIT:
            raise Refusal(431, "too-large")
        if data.count(b"\n") != data.count(b"\r\n"):
            raise Refusal(400, "malformed")
        self._buffer = data
        self.throttle()

    def _serve(self, request: Request) -> None:
        path = canonical(request.path)
        self._request = request
        self._body = request.body
        self._begun = self._endless = False
        self._moved, self._since = True, self._edge.loop.time()
        self._keep = request.keep and not self._edge.draining
        self.upgrade = request.upgrade
        self._edge.counts.asked[request.upgrade] += 1
        if path in HEALTH:
            self._reply(healthy())
            return
        route = self._route = self._edge.table.match(path, request.host)
        if route is None:
            self.unanswered(404, again=False)
            return
        if self._outward is None:
            self._outward = Outward(self._edge, self._peer, secure=self._secure)
        head = self._outward.request(request, route)
        repeatable = request.body is None and request.method in _REPEATABLE
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
        if self._request is not None and self._request.minor == b"1":
            self.write(response.outgoing(b""))

    def answered(self, response: Response, first: bytes) -> None:
        """Pass the head of the answer on, with the first of its body in the same write."""
        self._begun = True
        self._edge.counts.answered(response.status, self._since, len(first))
        self._endless = isinstance(response.body, Endless)
        self._keep = self._keep and not self._endless and self._body is None
        self._good = response.status < _SUCCESS_ENDS
        if self._good and self._route is not None:
            self._route.used = self._edge.loop.time()
        extra = b"" if self._keep else b"Connection: close\r\n"
        if self._edge.amends and self._outward is not None:
            extra += self._outward.response(response, self._request, self._route)
        self.write(response.outgoing(extra) + first)

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
            self.throttle()
            if self._buffer:
                self._edge.loop.call_soon(self._next)
        return all_sent

    def switched(self, response: Response) -> None:
        """Become a tunnel."""
        self.frames, self._good = Frames(), True
        self._edge.counts.answered(response.status, self._since)
        self.write(response.outgoing(UPGRADE))
        early, self._buffer = self._buffer, b""
        if early and self._up is not None:
            self._up.send(early)

    def ended(self) -> None:
        """Close: the other end of the tunnel is gone."""
        self._up = None
        closed(self._transport)

    def broken(self) -> None:
        """Close in the middle of an answer, so that nobody takes it for a whole one."""
        self._up = None
        self._edge.log(logging.INFO, "broken", route=self._route.prefix if self._route else "")
        if self._endless:
            reset(self._transport)
        else:
            closed(self._transport)

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
            said = page(status, "server-away" if self._route else "no-route")
        else:
            said = await self._edge.apology(request, self._route, status)
        if self._transport is not None and self._request is request and not self._leaving:
            self._reply(said)

    def _reply(self, said: Page) -> None:
        assert self._request is not None
        self._keep = self._keep and self._body is None
        self._edge.counts.answered(said.status, self._since)
        with_body = self._request.method != b"HEAD"
        self.write(answer(said, keep=self._keep, with_body=with_body, more=self._strict))
        self.finished()
