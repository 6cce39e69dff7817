"""May this principal give others by a group, a name or a password what it does not hold itself?"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from perijove.core import names
from perijove.core.access import has_power, listed, require_power
from perijove.core.accounts import Accounts
from perijove.core.group_overrides import GroupOverrides, Properties
from perijove.core.groups import Groups
from perijove.core.held import by_shares
from perijove.core.people import Declared
from perijove.core.roles import Roles
from perijove.core.rules import Rules
from perijove.core.shares import Shares
from perijove.core.tokens import Tokens
from perijove.kit.storable import storable
from perijove.model.errors import Denied, Unknown
from perijove.model.group import Group
from perijove.model.principal import Principal
from perijove.model.scope import Scope
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Knows what groups give their members."""

    roles: Roles
    accounts: Accounts
    groups: Groups
    shares: Shares
    tokens: Tokens
    overrides: GroupOverrides

    async def require_none(self, principal: Principal, group: str, names: Iterable[str]) -> None:
        """Let `principal` make people members of `group` if none gains what it does not hold.

        What servers get by a group is nothing that a principal could hold.

        Raises:
            Denied: one would; administrators may all the same.
        """
        if has_power(principal):
            return
        there = await self._there(group)
        joining = [name for name in names if name not in there.users]
        if joining:
            self._require_same(group, {}, {group: there.properties})
        shared = await self._shared(group) if joining else frozenset[Scope]()
        for name in joining if shared or self.roles.names_of_group(group) else ():
            user = await self.accounts.named(name)
            if user is None:  # whoever adds members says so
                continue
            gained, has = self.roles.of_member(user, group) | shared, await self.tokens.holds(user)
            lacking = await self.tokens.lacking(user, gained, principal.scopes | has)
            if lacking:
                raise Denied("group.gives-more", group=group, gained=listed(lacking))

    async def require_same(
        self, principal: Principal, group: str, properties: Mapping[str, Any]
    ) -> None:
        """Let `principal` describe `group` anew if the servers of its members stay what they are.

        Raises:
            Denied: other overrides would apply; administrators may all the same.
        """
        if not has_power(principal):
            now = (await self._there(group)).properties
            self._require_same(group, {group: now}, {group: properties})

    def _require_same(
        self, group: str, now: Mapping[str, Properties], then: Mapping[str, Properties]
    ) -> None:
        changed = [it.key for it in self.overrides.items if it.applies(now) != it.applies(then)]
        if changed:
            raise Denied("group.overrides", group=group, overrides=", ".join(changed))

    async def _shared(self, group: str) -> frozenset[Scope]:
        """Return what is shared with `group`; by who is shut out too, who may be let in again."""
        found = await self.shares.with_group(group) if storable(group) else []
        held = ((it.server.user, it.server.name, it.scopes) for it in found)
        return by_shares(self.roles, held)

    async def _there(self, group: str) -> Group:
        """Return the group, or what it would be if it is to be made."""
        with suppress(Unknown):
            return await self.groups.named(group)
        return Group(name=group)
