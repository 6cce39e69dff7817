"""/users/{user}/server/progress: how far a start is, as a stream of events (hub.md 2.7)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from html import escape

from starlette.responses import Response, StreamingResponse

from perijove.api.servers import find
from perijove.core import Hub
from perijove.core.routes import prefix
from perijove.http.languages import preferred
from perijove.http.route import Call
from perijove.http.sentences import sentence
from perijove.model.errors import Untimely
from perijove.model.server import Phase, Server
from perijove.model.stage import Outcome, Stage

_ENDED = 100
_BLANK = b"\n\n"


async def progress(hub: Hub, call: Call) -> Response:
    """Follow the start of a server; the last one that has failed is told again."""
    server = await find(hub, call)
    if server.phase is Phase.STOPPED and not server.reason:
        raise Untimely("not-starting", server=f"{server.user}/{server.name}")
    language = preferred(call.asked.given.get("accept-language", ""))
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    stream = _events(hub, server, language)
    return StreamingResponse(stream, 200, headers, media_type="text/event-stream")


async def _events(hub: Hub, server: Server, language: str) -> AsyncIterator[bytes]:
    """Yield an event for every stage, and blank lines while nothing happens."""
    yield _BLANK
    async with aclosing(hub.progress.of(server)) as stages:  # type: ignore[type-var]
        coming = asyncio.ensure_future(anext(stages))
        try:
            while True:
                done, _ = await asyncio.wait({coming}, timeout=hub.silence)
                if not done:
                    yield _BLANK
                    continue
                try:
                    stage = coming.result()
                except StopAsyncIteration:
                    return
                yield b"data: " + json.dumps(_event(hub, stage, language)).encode() + _BLANK
                if stage.ended:
                    return
                coming = asyncio.ensure_future(anext(stages))
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming


def _event(hub: Hub, stage: Stage, language: str) -> dict[str, object]:
    message = sentence(stage.message.code, stage.message.params, language)
    match stage.outcome:
        case Outcome.STARTING:
            return {"progress": min(stage.percent, _ENDED - 1), "message": message}
        case Outcome.READY:
            url = prefix(hub.base_url, stage.server.user, stage.server.name)
            link = f'<a href="{escape(url)}">{escape(url)}</a>'
            return {
                "progress": _ENDED,
                "ready": True,
                "message": f"Server ready at {url}",
                "html_message": f"Server ready at {link}",
                "url": url,
            }
        case Outcome.FAILED:
            told = f"Spawn failed: {message}"
            html = f"<p>{escape(told)}</p>"
            return {"progress": _ENDED, "failed": True, "message": told, "html_message": html}
