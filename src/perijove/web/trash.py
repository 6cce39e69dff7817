"""/trash/{key}: restore the home of a deleted person, or delete it for good."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import require_power
from perijove.core.trash import owner
from perijove.http.page import Visit
from perijove.model.errors import Conflict, Invalid, Unknown
from perijove.model.trash import Discarded
from perijove.web import people
from perijove.web.frame import go
from perijove.web.thrown import name_of


async def restore(hub: Hub, visit: Visit) -> Response:
    """Make the account anew with its home, or put the home into that of whoever was named."""
    try:
        it = await _one(hub, visit)
        into = visit.posted("into").strip()
        if not into:
            user = await hub.trash.restore(it.key)
            return go(visit, "admin", user.name, said="restored", what=user.name)
        visit.request.done["into"] = into[:100]
        heir = await hub.accounts.named(into)
        if heir is None:
            raise Unknown("trash.no-heir", name=into[:100])
        require_power(visit.me.principal, heir)
        await hub.impersonation.require_home(visit.me.principal, owner(it))
        folder = await hub.trash.give(it.key, heir)
    except (Conflict, Invalid, Unknown) as error:
        return await people.show_trouble(hub, visit, error)
    return go(visit, "admin", said="restored-into", what=folder)


async def empty(hub: Hub, visit: Visit) -> Response:
    """Delete a home for good, if its name was typed."""
    try:
        it = await _one(hub, visit)
        if visit.posted("typed").strip() != name_of(it):
            raise Invalid("not-typed", name=name_of(it))
        await hub.trash.empty(it.key)
    except (Invalid, Unknown) as error:
        return await people.show_trouble(hub, visit, error)
    return go(visit, "admin", said="emptied", what=name_of(it))


async def _one(hub: Hub, visit: Visit) -> Discarded:
    it = await hub.trash.one(visit.params["key"])
    require_power(visit.me.principal, owner(it))
    visit.request.done["home_of"] = name_of(it)
    return it
