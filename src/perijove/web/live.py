"""Streams of pages: sections drawn anew by the server, sent as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.responses import Response, StreamingResponse

T = TypeVar("T")
_LOOK = 1.0
_LIFE = 600.0
"""Seconds after which a stream ends; the browser begins another by itself."""
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_STILL_HERE = ": still here\n\n"


def section(html: str) -> str:
    """Return the message that puts `html` in place of the section that is shown."""
    lines = "\n".join(f"data: {line}" for line in html.splitlines() if line.strip())
    return f"{lines}\n\n"


def follow(address: str) -> str:
    """Return the message that opens `address`."""
    return f"event: next\ndata: {address}\n\n"


def stream(messages: AsyncIterator[str]) -> Response:
    """Return the answer that sends `messages`, and a sign of life whenever none comes."""
    return StreamingResponse(_alive(messages), headers=_HEADERS, media_type="text/event-stream")


async def looks(look: Callable[[], Awaitable[T]], every: float = _LOOK) -> AsyncIterator[T]:
    """Yield what `look` returns, now and whenever that is another, `every` so many seconds."""
    last: T | None = None
    async with asyncio.timeout(_LIFE):
        while True:
            now = await look()
            if now != last:
                yield now
            last = now
            await asyncio.sleep(every)


async def _alive(messages: AsyncIterator[str]) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    coming = asyncio.ensure_future(anext(messages, None))
    try:
        while True:
            done, _ = await asyncio.wait([coming], timeout=8.0)
            if not done:
                yield _STILL_HERE
                continue
            message = coming.result()
            if message is None:
                return
            yield message
            coming = asyncio.ensure_future(anext(messages, None))
    except TimeoutError:
        return
    finally:
        coming.cancel()
