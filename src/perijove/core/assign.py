"""May this principal put people into a group, when its members hold what its roles allow?"""

from collections.abc import Iterable

from perijove.core.access import has_power
from perijove.core.accounts import Accounts
from perijove.core.roles import Roles
from perijove.model.errors import Denied
from perijove.model.overlap import within
from perijove.model.principal import Principal


async def require_no_gain(
    principal: Principal, roles: Roles, accounts: Accounts, group: str, names: Iterable[str]
) -> None:
    """Let `principal` make people members of `group` if none gains what it does not hold itself.

    Raises:
        Denied: one would; administrators may all the same.
    """
    if has_power(principal) or not roles.names_of_group(group):
        return
    for name in names:
        user = await accounts.named(name)
        if user is None:  # whoever adds members says so
            continue
        gained = roles.of_member(user, group) - roles.of(user)
        if not within(gained, principal.scopes, {user.name: user.groups}):
            lacking = sorted(scope.text for scope in gained - principal.scopes)
            raise Denied("group.gives-more", group=group, gained=", ".join(lacking))
