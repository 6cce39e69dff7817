"""/groups and /groups/{group}"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from perijove.api import paging
from perijove.api.models import Name
from perijove.core import Hub
from perijove.core.access import Sight
from perijove.http.route import Call, Reply
from perijove.model.group import Group
from perijove.model.scope import Kind, Target

_Names = Annotated[list[Name], Field(max_length=10_000)]


class NewGroups(BaseModel):
    """POST /groups."""

    groups: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    users: _Names = []


class NewGroup(BaseModel):
    """POST /groups/{group}."""

    model_config = ConfigDict(extra="forbid")  # properties have a request of their own

    users: _Names = []


class MembersBody(BaseModel):
    """POST and DELETE /groups/{group}/users."""

    users: _Names


class PropertiesBody(RootModel[dict[str, Any]]):
    """PUT /groups/{group}/properties: all of them, at most 64 levels deep."""


class GroupModel(BaseModel):
    """One group."""

    kind: str
    name: str
    users: list[str] = []
    roles: list[str] = []
    properties: dict[str, Any] = {}


async def every(hub: Hub, call: Call) -> Reply:
    """List the groups that the caller may see, a page at a time."""
    page = paging.asked(call, hub.about)
    only = None if call.grant.everything else call.grant.named(Kind.GROUP)
    found, total = await hub.groups.page(page.offset, page.read, page.after, only)
    shown = _shown_all(hub, call, found[: page.limit])
    return page.reply(found, total, lambda group: (group.name,), shown)


async def create_many(hub: Hub, call: Call) -> Reply:
    """Add groups with the same members, all of them or none."""
    assert isinstance(call.body, NewGroups)
    call.asked.done |= {"groups": call.body.groups, "users": call.body.users}
    for name in call.body.groups:
        await hub.gains.require_none(call.principal, name, call.body.users)
    made = await hub.groups.create(*call.body.groups, members=call.body.users)
    return Reply(201, _shown_all(hub, call, made))


async def show(hub: Hub, call: Call) -> Reply:
    """Return one group, as far as the caller may see it."""
    return _one(hub, call, await hub.groups.named(call.target.group))


async def create(hub: Hub, call: Call) -> Reply:
    """Add one group."""
    assert isinstance(call.body, NewGroup)
    call.asked.done["users"] = call.body.users
    await hub.gains.require_none(call.principal, call.target.group, call.body.users)
    (made,) = await hub.groups.create(call.target.group, members=call.body.users)
    return _one(hub, call, made, 201)


async def remove(hub: Hub, call: Call) -> Reply:
    """Delete a group; its members stay."""
    await hub.groups.delete(call.target.group)
    return Reply(204)


async def join(hub: Hub, call: Call) -> Reply:
    """Make users members."""
    assert isinstance(call.body, MembersBody)
    call.asked.done["users"] = call.body.users
    await hub.gains.require_none(call.principal, call.target.group, call.body.users)
    return _one(hub, call, await hub.groups.join(call.target.group, call.body.users))


async def leave(hub: Hub, call: Call) -> Reply:
    """Make users members no more."""
    assert isinstance(call.body, MembersBody)
    call.asked.done["users"] = call.body.users
    return _one(hub, call, await hub.groups.leave(call.target.group, call.body.users))


async def describe(hub: Hub, call: Call) -> Reply:
    """Replace the properties of a group."""
    assert isinstance(call.body, PropertiesBody)
    call.asked.done["properties"] = sorted(call.body.root)
    await hub.gains.require_same(call.principal, call.target.group, call.body.root)
    return _one(hub, call, await hub.groups.describe(call.target.group, call.body.root))


def _one(hub: Hub, call: Call, group: Group, status: int = 200) -> Reply:
    return Reply(status, _shown_all(hub, call, [group])[0])


def _shown_all(hub: Hub, call: Call, groups: Sequence[Group]) -> list[GroupModel]:
    sight = Sight(call.principal.scopes)
    return [_shown(hub, group, sight.of_group(_target(group))) for group in groups]


def _shown(hub: Hub, group: Group, fields: frozenset[str]) -> GroupModel:
    values: dict[str, Any] = {"kind": "group", "name": group.name}
    if "users" in fields:
        values |= {"users": list(group.users), "properties": dict(group.properties)}
    if "roles" in fields:
        values["roles"] = hub.roles.names_of_group(group.name)
    return GroupModel.model_construct(set(values), **values)


def _target(group: Group) -> Target:
    return Target(kind=Kind.GROUP, group=group.name)
