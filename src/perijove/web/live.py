"""Streams of pages: sections drawn anew by the server, sent as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.responses import Response

from perijove.http.streams import Stream

T = TypeVar("T")
_LOOK = 1.0
_LIFE = 600.0
"""Seconds after which a stream ends; the browser begins another by itself."""
_SILENCE = 8.0
"""Seconds."""
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_RETRY = "retry: 2000\n\n"
_STILL_HERE = ": still here\n\n"


def section(html: str) -> str:
    """Return the message that puts `html` in place of the section that is shown."""
    lines = "\n".join(f"data: {line}" for line in html.splitlines() if line.strip())
    return f"{lines}\n\n"


def follow(address: str) -> str:
    """Return the message that opens `address`."""
    return f"event: next\ndata: {address}\n\n"


def stream(messages: AsyncIterator[str]) -> Response:
    """Return the answer that sends `messages`, and a sign of life whenever none comes.

    It ends when who has come may not see the page any more: the browser comes back, and the page
    goes to where it is sent.
    """
    return Stream(
        messages, first=_RETRY, blank=_STILL_HERE, silence=_SILENCE, life=_LIFE, headers=_HEADERS
    )


async def looks(look: Callable[[], Awaitable[T]], every: float = _LOOK) -> AsyncIterator[T]:
    """Yield what `look` returns, now and whenever that is another, `every` so many seconds."""
    last: T | None = None
    while True:
        now = await look()
        if now != last:
            yield now
        last = now
        await asyncio.sleep(every)
