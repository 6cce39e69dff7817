"""What a person may do: by their roles, and by what others share with them."""

from perijove.core.roles import Roles
from perijove.model.scope import Kind, Scope
from perijove.model.user import User
from perijove.store import shares
from perijove.store.database import Database


async def held(database: Database, roles: Roles, user: User) -> frozenset[Scope]:
    """Return all that `user` may do now, expanded."""
    own, shared = roles.of(user), await database.read(shares.held(user.id))
    if not shared:
        return own
    return own | roles.expand(
        Scope(name, Kind.SERVER, f"{owner}/{server}")
        for owner, server, names in shared
        for name in names
    )
