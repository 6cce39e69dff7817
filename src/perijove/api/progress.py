"""/users/{user}/server/progress: how far a start is, as a stream of events (hub.md 2.7)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from html import escape

from starlette.responses import Response, StreamingResponse

from perijove.api.servers import find
from perijove.core import Hub
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
    teller = _Teller(hub, language)
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
                if stage.outcome is Outcome.READY:
                    await hub.feed.reach(stage.server)
                elif stage.outcome is Outcome.FAILED:
                    stage = replace(
                        stage, message=await hub.progress.why(stage.server, stage.message)
                    )
                for event in teller.events(stage):
                    yield b"data: " + json.dumps(event).encode() + _BLANK
                if stage.ended:
                    return
                coming = asyncio.ensure_future(anext(stages))
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming


@dataclass(slots=True)
class _Teller:
    """Tells one program each thing once: the steps, and what the place says of the start."""

    hub: Hub
    language: str
    _step: str = ""
    _told: set[str] = field(default_factory=set[str])

    def events(self, stage: Stage) -> Iterator[dict[str, object]]:
        """Yield what is new in `stage`."""
        event = _event(self.hub, stage, self.language)
        message = str(event["message"])
        if stage.ended or message != self._step:
            self._step = message
            yield event
        for signal in () if stage.ended else stage.signals:
            said = sentence(signal.code, signal.params, self.language)
            if said not in self._told:
                self._told.add(said)
                yield event | {"message": said}


def _event(hub: Hub, stage: Stage, language: str) -> dict[str, object]:
    message = sentence(stage.message.code, stage.message.params, language)
    match stage.outcome:
        case Outcome.STARTING:
            return {"progress": min(stage.percent, _ENDED - 1), "message": message}
        case Outcome.READY:
            url = hub.address(stage.server.user, stage.server.name)
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
