"""The hub itself: /, /info, /health, /metrics, /shutdown"""

import asyncio
import logging
import platform
import sys

from starlette.responses import Response

from perijove.api.metrics import exposition
from perijove.api.models import Ending, InfoModel, MessageModel, PartModel, VersionModel
from perijove.core import Hub
from perijove.core.about import Homes, Part
from perijove.core.access import grant
from perijove.http.dress import VERSION
from perijove.http.identity import required
from perijove.http.route import Call, Reply
from perijove.model.errors import Unavailable

logger = logging.getLogger(__name__)

SILENCE = 30.0
"""Seconds without a word of the place where servers run, after which the hub is not well."""
_PATIENCE, _LOOK = 15.0, 0.1
"""Seconds."""
_VERSION = VersionModel(version=VERSION).model_dump_json().encode()


async def version(hub: Hub, call: Call) -> Response:  # noqa: ARG001
    """Return the version of JupyterHub whose contract this hub keeps."""
    any_site = {"access-control-allow-origin": "*"}
    return Response(_VERSION, 200, any_site, "application/json")


async def info(hub: Hub, call: Call) -> Reply:  # noqa: ARG001
    """Return what the hub runs on."""
    return Reply(
        200,
        InfoModel(
            version=VERSION,
            python=f"{platform.python_version()} ({platform.python_implementation()})",
            sys_executable=sys.executable,
            spawner=_part(hub.about.spawner),
            authenticator=_part(hub.about.authenticator),
            homes=hub.about.homes,
            homes_days=hub.trash.days if hub.about.homes is Homes.TRASH else None,
        ),
    )


async def health(hub: Hub, call: Call) -> Response:  # noqa: ARG001
    """Answer with nothing: the hub is there, and knows the place where servers run."""
    silence = hub.silence_of_place()
    if silence > SILENCE:
        raise Unavailable("cluster-unreachable", seconds=round(silence))
    return Response(b"", 200, media_type="text/plain")


async def live(hub: Hub, call: Call) -> Response:  # noqa: ARG001
    """Answer with nothing: to start the hub again, or to send nobody to it, would help nobody."""
    return Response(b"", 200, media_type="text/plain")


async def metrics(hub: Hub, call: Call) -> Response:
    """Return metrics for Prometheus: in the names of JupyterHub, and our own."""
    if not hub.about.open_metrics:
        grant(required(await call.who()), ("read:metrics",), call.target)
    text, media = await exposition(hub)
    return Response(text, 200, media_type=media)


async def shutdown(hub: Hub, call: Call) -> Reply:
    """End the hub; servers end with it only if the body says so."""
    assert isinstance(call.body, Ending)
    call.asked.done["servers"] = bool(call.body.servers)
    logger.warning("%s ends the hub", call.principal.name[:100])
    if call.body.servers:
        await _stop_all(hub)
    hub.end()
    return Reply(202, MessageModel(message="Shutting down Hub"))


async def _stop_all(hub: Hub) -> None:
    """Ask every server to stop, and wait for them; whoever is late is stopped by the next hub."""
    for server in await hub.servers.running():
        user = await hub.accounts.by_id(server.user_id)
        if user is not None:
            await hub.servers.stop(user, server.name)
    for _ in range(int(_PATIENCE / _LOOK)):
        if not await hub.servers.running():
            return
        await asyncio.sleep(_LOOK)


def _part(part: Part) -> PartModel:
    return PartModel.model_validate({"class": part.name, "version": part.version})
