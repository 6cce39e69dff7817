"""/user: who is asking. Every server asks this about every visitor, so it must be quick."""

from functools import lru_cache

from perijove.api.users import of, seen
from perijove.core import Hub
from perijove.core.access import Sight
from perijove.http.route import Call, Reply
from perijove.model.errors import Anonymous
from perijove.model.principal import Principal
from perijove.model.scope import Scope, Target, identify

_OF_SERVERS = frozenset({"servers", "server", "pending"})
_REMEMBERED = 4096


async def me(hub: Hub, call: Call) -> Reply:
    """Return who is asking, and what they may do."""
    principal = call.principal
    if principal.user is None:
        return _service(principal)
    user = principal.user
    sight, fields = _sight(principal.scopes, of(user))
    # Nothing is read that is not shown.
    servers = await hub.servers.recent(user) if fields & _OF_SERVERS else []
    values = {
        **seen(hub, sight, user, fields, servers),
        "scopes": _texts(principal.scopes),
        "token_id": token_id(principal.token_id),
        "session_id": principal.session,
    }
    return Reply(200, values)


def token_id(id: int | None) -> str | None:
    """Return how a token is called outside."""
    return None if id is None else f"a{id}"


def _service(principal: Principal) -> Reply:
    if principal.kind != "service":
        raise Anonymous
    values = {
        "kind": "service",
        "name": principal.name,
        "admin": principal.admin,
        "scopes": _texts(principal.scopes),
        "token_id": token_id(principal.token_id),
        "session_id": principal.session,
    }
    return Reply(200, values)


@lru_cache(_REMEMBERED)
def _texts(scopes: frozenset[Scope]) -> list[str]:
    return sorted(scope.text for scope in scopes)


@lru_cache(_REMEMBERED)
def _sight(scopes: frozenset[Scope], user: Target) -> tuple[Sight, frozenset[str]]:
    sight = Sight(scopes | identify(user.user))
    return sight, sight.fields(user)
