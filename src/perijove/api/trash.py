"""/trash: the homes of deleted people, as long as they are kept."""

from datetime import datetime

from pydantic import BaseModel

from perijove.api.models import Name
from perijove.core import Hub
from perijove.core.access import require_power
from perijove.core.trash import owner
from perijove.http.route import Call, Reply
from perijove.model.errors import Unknown
from perijove.model.trash import Discarded


class DiscardedModel(BaseModel):
    """One home in the trash."""

    key: str
    user: str | None
    """Whose it was; null: a version that wrote nothing down has thrown it away."""
    display_name: str
    deleted: datetime
    size: int | None
    """Bytes; null: they are being counted."""
    goes: datetime | None
    """When it is deleted for good; null: when somebody does so."""


class RestoreBody(BaseModel):
    """POST /trash/{key}/restore."""

    into: Name | None = None
    """Whose home it is put into, as a folder; unset: the account is made anew."""


class RestoredModel(BaseModel):
    """Where a home of the trash is now."""

    user: str
    folder: str
    """Below their home; '' is the home itself."""


async def every(hub: Hub, call: Call) -> Reply:
    """List the homes in the trash, the newest first."""
    del call
    return Reply(200, [_shown(hub, it) for it in await hub.trash.all()])


async def restore(hub: Hub, call: Call) -> Reply:
    """Make a deleted account anew with its home, or put the home into somebody's."""
    assert isinstance(call.body, RestoreBody)
    it = await _one(hub, call)
    if call.body.into is None:
        user = await hub.trash.restore(it.key)
        return Reply(200, RestoredModel(user=user.name, folder=""))
    heir = await hub.accounts.named(call.body.into)
    call.asked.done["into"] = call.body.into[:100]
    if heir is None:
        raise Unknown("trash.no-heir", name=call.body.into[:100])
    require_power(call.principal, heir)
    await hub.impersonation.require_home(call.principal, owner(it))
    return Reply(200, RestoredModel(user=heir.name, folder=await hub.trash.give(it.key, heir)))


async def empty(hub: Hub, call: Call) -> Reply:
    """Delete a home in the trash for good."""
    it = await _one(hub, call)
    await hub.trash.empty(it.key)
    return Reply(204)


async def _one(hub: Hub, call: Call) -> Discarded:
    it = await hub.trash.one(call.params["key"])
    require_power(call.principal, owner(it))
    call.asked.done["home_of"] = it.label.user if it.label else it.key
    return it


def _shown(hub: Hub, it: Discarded) -> DiscardedModel:
    return DiscardedModel(
        key=it.key,
        user=it.label.user if it.label else None,
        display_name=it.label.display_name if it.label else "",
        deleted=it.at,
        size=it.size,
        goes=hub.trash.goes(it),
    )
