"""/users/{user}/server/progress: how far a start is, as a stream of events (hub.md 2.7)."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from html import escape

from starlette.responses import Response

from perijove.api.servers import find
from perijove.core import Hub
from perijove.http.languages import preferred
from perijove.http.route import Call
from perijove.http.sentences import sentence
from perijove.http.streams import Stream
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
    events = _events(hub, server, language)
    return Stream(events, first=_BLANK, blank=_BLANK, silence=hub.silence, headers=headers)


async def _events(hub: Hub, server: Server, language: str) -> AsyncIterator[bytes]:
    """Yield an event for every stage."""
    teller = _Teller(hub, language)
    async with aclosing(hub.progress.of(server)) as stages:  # type: ignore[type-var]
        async for stage in stages:
            for event in teller.events(await _whole(hub, stage)):
                yield b"data: " + json.dumps(event).encode() + _BLANK


async def _whole(hub: Hub, stage: Stage) -> Stage:
    """Return `stage` as it is told: what is ready can be reached, what has failed says why."""
    if stage.outcome is Outcome.READY:
        await hub.feed.reach(stage.server)
    elif stage.outcome is Outcome.FAILED:
        return replace(stage, message=await hub.progress.why(stage.server, stage.message))
    return stage


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
