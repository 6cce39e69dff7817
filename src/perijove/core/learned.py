"""What the roles of the authenticator are, as the database has it: another hub may write them."""

from datetime import datetime

from perijove.core.roles import Roles
from perijove.model.user import User
from perijove.store import roles as store
from perijove.store.database import Database


async def learn(database: Database, roles: Roles, user: User, now: datetime) -> None:
    """Let `roles` know them, if `user` has any and they were not looked at in the last second."""
    if user.roles and roles.due(now):
        roles.learn(await database.read(store.every()), now)
