"""A start that failed, or a server that ended: what, why, what next."""

from starlette.responses import Response

from perijove.core import Hub, rescue
from perijove.core.bigger import ran_out
from perijove.http.page import Visit
from perijove.http.sentences import administrator, next_step, told
from perijove.model.server import Server
from perijove.model.signal import Signal
from perijove.web.cards import card
from perijove.web.choices import about
from perijove.web.frame import draw, reader
from perijove.web.more import more, whom_to_ask
from perijove.web.steps import steps_of

_SEE_LOG = {"start-timeout", "crash-loop", "no-answer"}
"""What is told with a word to look at the log."""


async def show(hub: Hub, visit: Visit, server: Server) -> Response:
    """Return the page; its status tells programs that there is no server."""
    who = reader(visit)
    code = server.reason or Signal(code="disappeared")
    reason = await hub.progress.why(server, code)
    shown = card(hub, visit, server.user, server)
    stage = await hub.progress.now(server)
    ran = await hub.progress.ran(server)
    log = await hub.progress.log(server)
    named, found = {"server": shown.title}, more(hub, visit, server)
    heading = (
        who.say("{server} has ended", named) if ran else who.say("{server} could not start", named)
    )
    return await draw(
        hub,
        visit,
        "failed.html",
        500,
        heading=heading,
        before_running=not ran,
        reason=told(reason.code, reason.params, who),
        next_step=await _next_step(hub, visit, server, reason, log),
        more_about=about(hub, found.options) if found else "",
        administrator=administrator(reason.code, {**reason.params, "pod": server.key}, who),
        server=shown,
        rescue=rescue.helps(server, hub.about.homes, ran=ran),
        rescue_first=rescue.is_the_cure(server),
        has_options=bool(hub.profiles.items),
        back=visit.pages.url("home"),
        steps=[] if ran else steps_of(stage, who),
        log=log,
        support=_support(server, code),
    )


async def _next_step(
    hub: Hub, visit: Visit, server: Server, reason: Signal, log: str
) -> str | None:
    if ran_out(server) and more(hub, visit, server) is None:
        return await whom_to_ask(hub, visit)
    if reason.code in _SEE_LOG and not log:
        return next_step("exited-silent", {}, reader(visit))
    return next_step(reason.code, reason.params, reader(visit))


def _support(server: Server, reason: Signal) -> str:
    """Return one line that an administrator can search for."""
    given = " ".join(f"{name}={value}" for name, value in reason.params.items())
    line = f"{reason.code} user={server.user} server={server.name or '-'} {given}"
    return f"{line.strip()} start={server.incarnation} at={server.since.isoformat()}"
