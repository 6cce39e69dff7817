"""/authorizations/…: how services of before JupyterHub 2 ask who somebody is. Use GET /user."""

from perijove.api.users import of, seen, shown
from perijove.core import Hub
from perijove.core.access import Sight
from perijove.http.cookies import LOGIN
from perijove.http.route import Call, Reply
from perijove.model.errors import Anonymous, Unknown
from perijove.model.scope import identify

_LONGEST = 4096
"""Bytes of a cookie."""


async def of_token(hub: Hub, call: Call) -> Reply:
    """Return whose token it is; deprecated: show it at GET /user."""
    _require_token(call)
    owner = await hub.tokens.principal(call.params["secret"])
    if owner is None:
        raise Unknown
    if owner.user is None:
        return Reply(200, {"kind": owner.kind, "name": owner.name, "admin": owner.admin})
    sight = Sight(call.principal.scopes | identify(owner.user.name))
    servers = await hub.servers.of(owner.user)
    return Reply(200, seen(hub, sight, owner.user, sight.fields(of(owner.user)), servers))


async def of_cookie(hub: Hub, call: Call) -> Reply:
    """Return who has signed in with a cookie; deprecated: sign people in by OAuth."""
    _require_token(call)
    value = call.params.get("secret") or (await call.asked.data(_LONGEST)).decode("latin-1")
    visitor = await hub.sessions.visitor(value) if call.params["name"] == LOGIN else None
    sight = Sight(call.principal.scopes)
    if visitor is None or not sight.fields(of(visitor.user)):
        raise Unknown
    servers = await hub.servers.of(visitor.user)
    return Reply(200, shown(hub, sight, visitor.user, servers))


def _require_token(call: Call) -> None:
    if call.principal.cookie:
        raise Anonymous
