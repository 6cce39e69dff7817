"""What a person may do: by their roles, and by what others share with them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from perijove.core.roles import Roles
from perijove.model.scope import Kind, Scope
from perijove.model.user import User
from perijove.store import roles as managed
from perijove.store import shares
from perijove.store.database import Database


async def held(database: Database, roles: Roles, user: User, now: datetime) -> frozenset[Scope]:
    """Return all that `user` may do now, expanded."""
    if user.roles and roles.due(now):  # another hub may have written what they are
        roles.learn(await database.read(managed.every()), now)
    own, shared = roles.of(user), await database.read(shares.held(user.id))
    return own | by_shares(roles, shared) if shared else own


def by_shares(roles: Roles, shared: Iterable[shares.Held]) -> frozenset[Scope]:
    """Return what is allowed by that being `shared`, expanded."""
    return roles.expand(
        replace(scope, kind=Kind.SERVER, value=f"{owner}/{server}")
        for owner, server, names in shared
        for scope in roles.still(names)
    )
