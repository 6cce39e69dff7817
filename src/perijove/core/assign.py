"""May this principal give others by a group, a name or a password what it does not hold itself?"""

from collections.abc import Iterable
from dataclasses import dataclass

from perijove.core import names
from perijove.core.access import has_power, require_power
from perijove.core.accounts import Accounts
from perijove.core.people import Declared
from perijove.core.roles import Roles
from perijove.core.rules import Rules
from perijove.model.errors import Denied
from perijove.model.overlap import within
from perijove.model.principal import Principal
from perijove.model.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """Knows to which names the configuration gives rights."""

    rules: Rules
    declared: Declared
    roles: Roles

    def require_may_call(self, principal: Principal, user: User, name: str) -> None:
        """Let administrators alone call `user` as somebody whom the configuration knows.

        Raises:
            Denied: `principal` is none, and it does: rights, groups or an account of the machine.
        """
        called = names.normal(name)
        known = {it.name for it in self.declared.persons}
        if called != user.name and (called in known or self._gives(User(id=0, name=called))):
            require_power(principal, user, admin=True)

    def require_may_let_in(self, principal: Principal, user: User) -> None:
        """Let administrators alone open a door to `user`, if more is behind it than everybody has.

        Raises:
            Denied: `principal` is none, and it is.
        """
        if self._gives(user):
            require_power(principal, user, admin=True)

    def _gives(self, user: User) -> bool:
        """Return whether whoever is called so has more than everybody has."""
        admins = {*self.rules.admin_users, *(it.name for it in self.declared.persons if it.admin)}
        by_group = any(self.roles.names_of_group(group) for group in user.groups)
        return user.name in admins or by_group or self.roles.names_of(user) != ["user"]


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
