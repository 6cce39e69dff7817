"""/users/{user}/tokens (hub.md 2.5)"""

import re

from perijove.api.me import token_id
from perijove.api.models import NewToken, TokenModel, TokensModel
from perijove.core import Hub
from perijove.core.access import grant
from perijove.core.names import short
from perijove.http.audit import of_token
from perijove.http.identity import required
from perijove.http.route import Call, Reply
from perijove.kit.ids import id_of
from perijove.model.errors import Denied, Unknown
from perijove.model.principal import Principal
from perijove.model.token import Token
from perijove.model.user import User

_ID = re.compile(r"a([1-9]\d{0,18})")


async def every(hub: Hub, call: Call) -> Reply:
    """List the tokens of a user, the longest unused first."""
    found = await hub.tokens.of(call.owner)
    clients = {it: await _client(hub, it) for it in {token.client for token in found}}
    models = [await _shown(hub, call.owner, token, clients[token.client]) for token in found]
    models.sort(key=lambda model: model.last_activity or model.created)
    return Reply(200, TokensModel(api_tokens=models))


async def show(hub: Hub, call: Call) -> Reply:
    """Return one token of a user."""
    token = await hub.tokens.get(call.owner, _id(call))
    return Reply(200, await _shown(hub, call.owner, token, await _client(hub, token.client)))


async def make(hub: Hub, call: Call) -> Reply:
    """Make a token; its secret is shown in this answer and never again."""
    body = call.body
    assert isinstance(body, NewToken)
    caller = await _signed(hub, call, body) if body.auth else None
    caller = caller or required(await call.who())
    hub.pace.take(caller)
    owner = _require_may(call, caller)
    scopes = hub.roles.texts(body.roles) if body.roles is not None else body.scopes
    scopes = await hub.impersonation.granted(caller, owner, scopes)
    token, secret = await hub.tokens.make(
        owner, by=caller, note=body.note or "", scopes=scopes, expires_in=body.expires_in
    )
    call.asked.done |= of_token(token)
    model = await _shown(hub, owner, token, await _client(hub, token.client))
    model.token = secret
    return Reply(201, model)


async def revoke(hub: Hub, call: Call) -> Reply:
    """Revoke a token; one that a client was given takes the client's others with it."""
    await hub.tokens.revoke(call.owner, _id(call))
    return Reply(204)


async def _signed(hub: Hub, call: Call, body: NewToken) -> Principal:
    """Return who signs in by name and password in the body."""
    assert body.auth is not None
    call.asked.done["name"] = short(body.auth.username)
    user = await hub.login.check(body.auth.username, body.auth.password, address=call.asked.address)
    call.asked.caller = Principal(
        name=user.name,
        kind="user",
        groups=user.groups,
        scopes=await hub.tokens.holds(user),
        user_id=user.id,
        admin=user.admin,
        user=user,
    )
    return call.asked.caller


def _require_may(call: Call, caller: Principal) -> User:
    """Return whose token it will be.

    Raises:
        Denied: there is no such user, or `caller` may make no tokens for them; which of the
            two is not told.
    """
    try:
        grant(caller, ("tokens",), call.target)
    except (Denied, Unknown) as error:
        raise Denied("no-tokens-for", user=call.target.user[:255]) from error
    if call.user is None:
        raise Denied("no-tokens-for", user=call.target.user[:255])
    return call.user


def _id(call: Call) -> int:
    found = _ID.fullmatch(call.params["token"])
    id = id_of(found[1]) if found else None
    if id is None:
        raise Unknown
    return id


async def _client(hub: Hub, id: str | None) -> str:
    """Return what the client of that id is called; None is the hub itself."""
    if id is None:
        return "JupyterHub"
    client = await hub.grants.client(id)
    return (client.description if client else "") or id


async def _shown(hub: Hub, owner: User, token: Token, client: str) -> TokenModel:
    scopes = await hub.tokens.scopes(owner, token)
    id = token_id(token.id)
    assert id is not None
    return TokenModel(
        user=owner.name,
        id=id,
        kind="api_token",
        roles=[],
        scopes=sorted(scope.text for scope in scopes),
        created=token.created,
        last_activity=hub.activity.of_token(token.id, token.last_activity),
        expires_at=token.expires,
        note=token.note,
        session_id=token.session,
        oauth_client=client,
    )
