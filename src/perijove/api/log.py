"""/users/{user}/server/log: the end of what a server has said."""

from starlette.responses import PlainTextResponse, Response

from perijove.api.servers import find
from perijove.core import Hub
from perijove.http.route import Call


async def tail(hub: Hub, call: Call) -> Response:
    """Return the end of the log of this start, or what is kept of the last."""
    return PlainTextResponse(await hub.progress.log(await find(hub, call)))
