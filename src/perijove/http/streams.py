"""Streams: server-sent events that go on for as long as who asked for them may have them."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TypeAlias

from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from perijove.core.memory import FRESH

Text: TypeAlias = str | bytes
May: TypeAlias = Callable[[], Awaitable[bool]]
"""Says whether who asked for something may still have it."""

_LOOK = 1.0
"""Seconds: in silence it is looked up so often whether they may."""
_FRESH = FRESH.total_seconds()
"""Seconds: nothing is sent by an older answer."""


async def _always() -> bool:
    return True


class Stream(StreamingResponse):
    """Sends `first`, then `parts`, and `blank` whenever none has come for `silence` seconds.

    It ends with `parts`, after `life` seconds, and within a second once who asked may not any
    more: that is looked up at most twice a second, and once while nothing is sent. What cannot
    be looked up is unknown: the error cuts the stream short, so that the client comes back.
    """

    def __init__(
        self,
        parts: AsyncIterator[Text],
        *,
        first: Text,
        blank: Text,
        silence: float,
        life: float = math.inf,
        headers: Mapping[str, str],
    ) -> None:
        self.may: May = _always
        self._parts, self._first, self._blank = parts, first, blank
        self._silence, self._life = silence, life
        self._all = self._sent()
        super().__init__(self._all, 200, headers, media_type="text/event-stream")

    async def stream_response(self, send: Send) -> None:
        """Send it, and leave nothing behind where the client has gone."""
        async with aclosing(self._all):
            await super().stream_response(send)

    async def _sent(self) -> AsyncGenerator[Text]:
        now = asyncio.get_running_loop().time
        sent = looked = now()
        ends = sent + self._life
        yield self._first
        async with aclosing(self._parts) as parts:  # type: ignore[type-var]
            coming = asyncio.ensure_future(anext(parts))
            try:
                while (at := now()) < ends:
                    due = min(looked + _LOOK, sent + self._silence, ends)
                    await asyncio.wait({coming}, timeout=max(due - at, 0))
                    if now() - looked >= (_FRESH if coming.done() else _LOOK):
                        if not await self.may():
                            return
                        looked = now()
                    if coming.done():
                        try:
                            part = coming.result()
                        except StopAsyncIteration:
                            return
                        yield part
                        coming = asyncio.ensure_future(anext(parts))
                    elif now() - sent >= self._silence:
                        yield self._blank
                    else:
                        continue
                    sent = now()
            finally:
                coming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await coming


def guard(answer: Response, may: May) -> Response:
    """Return `answer`; a stream ends as soon as `may` says no."""
    if isinstance(answer, Stream):
        answer.may = may
    return answer
