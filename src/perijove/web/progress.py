"""/spawn-pending: how far a start is, or why it failed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.model.errors import Unknown
from perijove.model.server import Phase, Server
from perijove.model.stage import Outcome, Stage
from perijove.web import live
from perijove.web.cards import card
from perijove.web.failed import show as show_failed
from perijove.web.frame import away, draw, following, reader, server_url
from perijove.web.held import Held, held, raw
from perijove.web.steps import Step, events_of, steps_of

_REFRESH = 3


async def show(hub: Hub, visit: Visit) -> Response:
    """Show how far it is; nothing is ever started from here."""
    name = visit.params.get("server", "")
    server = await hub.servers.find(visit.owner, name)
    if server is None or server.phase is Phase.STOPPED:
        return await _not_running(hub, visit, server, name)
    if server.phase is Phase.RUNNING:
        return away(following(visit, server_url(hub, visit.owner.name, name)), 302)
    if server.phase is Phase.FAILED:
        return await show_failed(hub, visit, server)
    if server.phase is Phase.STOPPING:
        followed = _stream(visit, server)
        return await draw(
            hub, visit, "stopping.html", server=name, stream=followed, refresh=_REFRESH
        )
    context = await _context(hub, visit, await hub.progress.now(server))
    return await draw(hub, visit, "progress.html", refresh=_REFRESH, **context)


async def _not_running(hub: Hub, visit: Visit, server: Server | None, name: str) -> Response:
    return await draw(
        hub,
        visit,
        "stopped.html",
        user=visit.owner.name,
        server=name,
        next=following(visit, "") if visit.asked("next") else "",
        reason=server.reason if server else None,
        may_start=True,
        starts_after=0,
    )


async def stream(hub: Hub, visit: Visit) -> Response:
    """Send the section afresh whenever something changes, then open the server."""
    server = await hub.servers.find(visit.owner, visit.params.get("server", ""))
    if server is None:
        raise Unknown
    stops = server.phase is Phase.STOPPING
    return live.stream((_until_stopped if stops else _messages)(hub, visit, server))


async def _until_stopped(hub: Hub, visit: Visit, server: Server) -> AsyncIterator[str]:
    """Open the page that shows it at rest, once it is."""

    async def stops() -> bool:
        now = await hub.servers.find(visit.owner, server.name)
        return now is not None and now.phase is Phase.STOPPING

    async for still in live.looks(stops):
        if not still:
            yield live.follow(_here(visit, server))
            return


def _here(visit: Visit, server: Server) -> str:
    path = (server.user, server.name) if server.name else (server.user,)
    query = urlencode({"next": visit.asked("next")} if visit.asked("next") else {})
    return visit.pages.url("spawn-pending", *path) + (f"?{query}" if query else "")


async def _messages(hub: Hub, visit: Visit, server: Server) -> AsyncIterator[str]:
    async with aclosing(hub.progress.of(server)) as stages:  # type: ignore[type-var]
        async for stage in stages:
            context = await _context(hub, visit, stage)
            yield live.section(visit.pages.text(visit, "progress-section.html", **context))
            if stage.outcome is Outcome.READY:
                await hub.feed.reach(stage.server)
                yield live.follow(following(visit, server_url(hub, server.user, server.name)))
            elif stage.outcome is Outcome.FAILED:
                path = (server.user, server.name) if server.name else (server.user,)
                yield live.follow(visit.pages.url("spawn-pending", *path))


async def _context(hub: Hub, visit: Visit, stage: Stage) -> dict[str, Any]:
    who, server = reader(visit), stage.server
    shown = card(hub, visit, server.user, server)
    ready = stage.outcome is Outcome.READY
    steps = steps_of(stage, who)
    done = sum(step.state == "done" for step in steps)
    hold = held(stage, who, administers=visit.administers)
    return {
        "heading": _heading(who, server, shown.title, ready=ready),
        "about": shown.about,
        "server": shown,
        "stream": _stream(visit, server),
        "ready": ready,
        "stopping": server.phase is Phase.STOPPING,
        "steps": steps,
        "done": done,
        "held": hold,
        "live": _spoken(steps, done, hold, who),
        "events": events_of(stage, who),
        "log": raw(stage, who) + await hub.progress.log(server),
    }


def _heading(who: Reader, server: Server, title: str, *, ready: bool) -> str:
    if server.name or server.display_name:
        named = {"server": title}
        return who.say("{server} is ready", named) if ready else who.say("Starting {server}", named)
    if ready:
        return who.say("The default server is ready")
    return who.say("Starting the default server")


def _stream(visit: Visit, server: Server) -> str:
    """Return the address of the stream: scripts show by `_xsrf` that the page is ours."""
    path = (server.user, server.name) if server.name else (server.user,)
    query = {"_xsrf": visit.xsrf}
    if visit.asked("next"):
        query["next"] = visit.asked("next")
    return f"{visit.pages.url('spawn-stream', *path)}?{urlencode(query)}"


def _spoken(steps: list[Step], done: int, hold: Held | None, who: Reader) -> str:
    """Return what is read out, once for each step and for whatever holds it up."""
    if done >= len(steps):
        return who.say("Ready.")
    given = {"n": done + 1, "of": len(steps), "name": steps[done].name}
    step = who.say("Step {n} of {of}: {name}", given)
    return who.say("{step}. {words}", {"step": step, "words": hold.words}) if hold else step
