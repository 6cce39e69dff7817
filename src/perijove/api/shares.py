"""/shares/{user}, and what is shared with a person or a group (hub.md 2.4)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perijove.api import paging
from perijove.api.models import Name
from perijove.api.servers import find, shown
from perijove.core import Hub
from perijove.core.shares import With, require_held
from perijove.http.route import Call, Reply
from perijove.model.errors import Unknown
from perijove.model.server import Server
from perijove.model.share import ACCESS, Share, ShareCode, names, on
from perijove.store.statement import Key

Kept = TypeVar("Kept", Share, ShareCode)
Texts = Annotated[list[Name], Field(max_length=100)]
_OF_SERVER = ("name", "url", "full_url", "ready")


class ShareBody(BaseModel):
    """POST and PATCH /shares/{user}/{server}."""

    model_config = ConfigDict(extra="forbid")

    scopes: Texts | None = None
    """Left out or empty: access, or everything where it is taken away."""
    user: Name | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def _either(self) -> "ShareBody":
        if bool(self.user) == bool(self.group):
            raise ValueError("user or group")
        return self


class NamedModel(BaseModel):
    """Who it is."""

    name: str


class SharedServerModel(BaseModel):
    """What is told of a server that is shared."""

    user: NamedModel
    name: str
    url: str
    full_url: str | None
    ready: bool


class ShareModel(BaseModel):
    """One share."""

    server: SharedServerModel
    scopes: list[str]
    user: NamedModel | None
    group: NamedModel | None
    kind: str
    created_at: datetime


class SharesModel(BaseModel):
    """A page of shares."""

    items: list[ShareModel]
    pagination: dict[str, Any] = Field(serialization_alias="_pagination")


async def of_owner(hub: Hub, call: Call) -> Reply:
    """List the shares of all servers of a user, a page at a time."""
    return _page(hub, call, await hub.shares.of_owner(call.owner))


async def of_server(hub: Hub, call: Call) -> Reply:
    """List the shares of a server, a page at a time."""
    return _page(hub, call, await hub.shares.of_server(await find(hub, call)))


async def give(hub: Hub, call: Call) -> Reply:
    """Share a server with a user or a group; what they may do already stays."""
    assert isinstance(call.body, ShareBody)
    server = await find(hub, call)
    scopes = names(call.body.scopes or (ACCESS,), server)
    require_held(call.principal, server, call.owner, scopes)
    them = await hub.shares.named(call.principal, call.body.user or "", call.body.group or "")
    call.asked.done |= {**_told(call.body), "scopes": list(scopes)}
    return Reply(200, model(hub, await hub.shares.grant(server, scopes, them)))


async def take(hub: Hub, call: Call) -> Reply:
    """Take scopes, or all, from whom a server is shared with; {} if nothing is left."""
    assert isinstance(call.body, ShareBody)
    server = await find(hub, call)
    scopes = names(call.body.scopes, server) if call.body.scopes else None
    call.asked.done |= {**_told(call.body), "scopes": list(scopes or ("all",))}
    them = await hub.shares.known(call.body.user or "", call.body.group or "")
    left = await hub.shares.revoke(server, them, scopes, hub.roles.implied) if them else None
    return Reply(200, model(hub, left) if left else {})


async def take_all(hub: Hub, call: Call) -> Reply:
    """Share a server with nobody any more."""
    await hub.shares.revoke_all(await find(hub, call))
    return Reply(204)


async def with_user(hub: Hub, call: Call) -> Reply:
    """List what is shared with a user, also by their groups, a page at a time."""
    return _page(hub, call, await hub.shares.with_person(call.owner))


async def with_group(hub: Hub, call: Call) -> Reply:
    """List what is shared with a group, a page at a time."""
    group = await hub.groups.named(call.target.group)
    return _page(hub, call, await hub.shares.with_group(group.name))


async def one_with_user(hub: Hub, call: Call) -> Reply:
    """Return the share of a server with a user."""
    return Reply(200, model(hub, await _one(hub, call, With(user=call.owner))))


async def one_with_group(hub: Hub, call: Call) -> Reply:
    """Return the share of a server with a group."""
    return Reply(200, model(hub, await _one(hub, call, With(group=call.target.group))))


async def leave(hub: Hub, call: Call) -> Reply:
    """Give up the share of a server with a user."""
    return await _left(hub, call, With(user=call.owner))


async def leave_of_group(hub: Hub, call: Call) -> Reply:
    """Give up the share of a server with a group."""
    return await _left(hub, call, With(group=call.target.group))


def model(hub: Hub, share: Share) -> dict[str, Any]:
    """Return what clients see of `share`, a ShareModel."""
    return {
        **shared(hub, share),
        "user": {"name": share.user} if share.user is not None else None,
        "group": {"name": share.group} if share.group is not None else None,
        "kind": "user" if share.group is None else "group",
        "created_at": share.created,
    }


def shared(hub: Hub, it: Share | ShareCode) -> dict[str, Any]:
    """Return what of a share is as in a share code: the server, and what may be done there."""
    full = shown(hub, it.server)
    server = {"user": {"name": it.server.user}, **{name: full[name] for name in _OF_SERVER}}
    return {"server": server, "scopes": [on(name, it.server).text for name in it.scopes]}


def listed(
    hub: Hub,
    call: Call,
    every: Sequence[Kept],
    shown: Callable[[Hub, Kept], dict[str, Any]],
) -> Reply:
    """Return a page of shares or of share codes, which are sorted by their ids."""
    page = paging.asked(call, hub.about, always=True)
    found = page.of(every, _key)
    return page.reply(found, len(every), _key, [shown(hub, it) for it in found[: page.limit]])


def _key(it: Share | ShareCode) -> Key:
    return (it.id,)


def _page(hub: Hub, call: Call, shares: Sequence[Share]) -> Reply:
    return listed(hub, call, shares, model)


async def _one(hub: Hub, call: Call, them: With) -> Share:
    share = await hub.shares.find(await _server(hub, call), them)
    if share is None:
        raise Unknown
    return share


async def _left(hub: Hub, call: Call, them: With) -> Reply:
    share = await _one(hub, call, them)
    await hub.shares.revoke(share.server, them)
    return Reply(204)


async def _server(hub: Hub, call: Call) -> Server:
    """Return the server at the end of the path, of somebody else than the path is about."""
    owner = await hub.accounts.named(call.params["owner"])
    server = await hub.servers.find(owner, call.params["server"]) if owner else None
    if server is None:
        raise Unknown
    return server


def _told(body: ShareBody) -> dict[str, str]:
    """Return what the audit log tells of whom it is about."""
    return {"user": body.user} if body.user else {"group": body.group or ""}
