"""/accept-share: somebody comes by a link that shares a server (hub.md 4.1)."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.next_url import within
from perijove.http.page import Visit
from perijove.model.errors import Denied, Invalid, Unknown
from perijove.model.server import Phase
from perijove.web.frame import away, draw, reader, server_url
from perijove.web.shared import allowed


async def show(hub: Hub, visit: Visit) -> Response:
    """Say who shares what, and ask whether to accept it."""
    secret = visit.asked("code")
    code = await hub.share_codes.offered(secret, visit.me.user)
    owner = await hub.accounts.by_id(code.server.user_id)
    return await draw(
        hub,
        visit,
        "accept-share.html",
        owner=(owner and owner.display_name) or code.server.user,
        name=code.server.display_name or code.server.name,
        runs=code.server.phase is Phase.RUNNING,
        may=allowed(code.scopes, reader(visit)),
        code=secret,
        next=_next(visit, visit.asked("next")),
    )


async def accept(hub: Hub, visit: Visit) -> Response:
    """Take the share, and go to the server or where the link leads."""
    secret = visit.posted("code") or visit.asked("code")
    try:
        share = await hub.share_codes.exchange(secret, visit.me.user)
    except (Unknown, Denied) as error:
        raise Invalid(error.code, **error.params) from error
    server = share.server
    visit.request.done |= {
        "owner": server.user,
        "server": server.name,
        "scopes": list(share.scopes),
    }
    wanted = _next(visit, visit.posted("next") or visit.asked("next"))
    return away(wanted or server_url(hub, server.user, server.name), 302)


def _next(visit: Visit, wanted: str) -> str:
    """Return where the link leads, if that is on this site."""
    return (within(wanted, visit.request) or "") if wanted else ""
