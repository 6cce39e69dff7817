"""Roles: named sets of scopes, and who has which.

They come from the configuration; with Authenticator.manage_roles from the authenticator as well.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from perijove.model.errors import Invalid
from perijove.model.role import Role
from perijove.model.scope import Implied, Scope, bad_scope, expand, is_custom, resolved
from perijove.model.user import NEVER, User

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9\-_~.]{1,253}[a-z0-9]")
ADMIN = "admin"
_NOBODYS: Sequence[str] = ()
_FRESH = timedelta(seconds=1)
"""How long another hub's write may go unnoticed."""
_REMEMBERED = 512
"""People whose scopes are kept: those who just asked for something will ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """A scope of the configuration, which means something to programs behind the hub."""

    words: str
    """What it allows."""
    implies: tuple[str, ...] = ()
    """Others of them."""


DEFAULTS = (
    Role(name="user", description="What everybody may do", scopes=("self",)),
    Role(
        name=ADMIN,
        description="What administrators may do",
        scopes=(
            "admin-ui", "admin:users", "admin:servers", "admin:services", "tokens",
            "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown",
            "access:services", "access:servers", "read:roles", "read:metrics", "shares",
        ),
    ),
    Role(
        name="server",
        description="What a server may do by its own token",
        scopes=("users:activity!user", "access:servers!server"),
    ),
    Role(name="token", description="What a token may do by default", scopes=("inherit",)),
)  # fmt: skip
"""hub.md 3.5; the names are well known."""


class Roles:
    """Answers what people and services hold."""

    def __init__(
        self, loaded: Sequence[Role] = (), custom: Mapping[str, Custom] | None = None
    ) -> None:
        """Take the default roles, those of the configuration over them, and its own scopes.

        Raises:
            Invalid: a role has no good name, a scope that does not exist, or changes `admin`.
        """
        self.custom: Mapping[str, Custom] = custom or {}
        self._implied = {name: it.implies for name, it in self.custom.items()}
        self._roles: dict[str, Role] = {role.name: role for role in DEFAULTS}
        for role in loaded:
            self._roles[role.name] = self._checked(role)
        self._parsed: Mapping[str, tuple[Scope, ...]] = {
            name: tuple(self._scope_of(role, text) for text in role.scopes)
            for name, role in self._roles.items()
        }
        self._given = self._by_user()
        self._learned: Mapping[str, tuple[Scope, ...]] = {}
        self._learned_at = NEVER
        self._held = lru_cache(_REMEMBERED)(self._of)
        self._granted = lru_cache(_REMEMBERED)(self._of_token)

    def become(self, others: "Roles") -> None:
        """Be as `others` are; whoever asks is answered so from now on."""
        self._roles, self._parsed = others._roles, others._parsed  # noqa: SLF001
        self._given, self._implied = others._given, others._implied  # noqa: SLF001
        self.custom = others.custom
        self._learned_at = NEVER
        self._held.cache_clear()
        self._granted.cache_clear()

    def find(self, name: str) -> Role | None:
        """Return the role of that name in the configuration, or None."""
        return self._roles.get(name)

    def due(self, now: datetime) -> bool:
        """Return whether another hub may have written roles of the authenticator meanwhile."""
        return now - self._learned_at >= _FRESH

    def learn(self, managed: Iterable[Role], now: datetime = NEVER) -> None:
        """Know what the roles of the authenticator are; of one name, the configuration's wins."""
        self._learned_at = now
        learned = {role.name: self.still(role.scopes) for role in managed}
        if learned != self._learned:
            self._learned = learned
            self._held.cache_clear()

    def known(self, name: str) -> bool:
        """Return whether there is a role of that name."""
        return name in self._roles or name in self._learned

    def names_of(self, user: User) -> list[str]:
        """Return the names of the roles that `user` has itself, by name."""
        if not (user.roles or user.admin or user.name in self._given):
            return ["user"]  # as nearly everybody in a long list
        return sorted(self._own(user.name, admin=user.admin) | (user.roles - {ADMIN}))

    def names_of_group(self, group: str) -> list[str]:
        """Return the names of the roles that the members of `group` have by it."""
        return sorted(role.name for role in self._roles.values() if group in role.groups)

    def names_of_service(self, service: str) -> list[str]:
        """Return the names of the roles that `service` has, by name."""
        return sorted(role.name for role in self._roles.values() if service in role.services)

    def parse(self, text: str) -> Scope:
        """Return the scope that is written as `text`.

        Raises:
            Invalid: there is none.
        """
        scope = Scope.parse(text)
        if is_custom(scope.name) and scope.name not in self.custom:
            raise bad_scope(text, self.custom)
        return scope

    def still(self, texts: Iterable[str]) -> tuple[Scope, ...]:
        """Return the scopes that are written as `texts`, as far as they still exist."""
        scopes = []
        for text in texts:
            with suppress(Invalid):
                scopes.append(self.parse(text))
        return tuple(scopes)

    @property
    def implied(self) -> Implied:
        """What each scope of the configuration implies."""
        return self._implied

    def expand(self, scopes: Iterable[Scope]) -> frozenset[Scope]:
        """Return `scopes` and all they imply, those of the configuration too."""
        return expand(scopes, self._implied)

    def of(self, user: User) -> frozenset[Scope]:
        """Return all that `user` may do, expanded."""
        return self._held(user.name, user.admin, user.groups, user.roles)

    def granted(self, user: str, texts: tuple[str, ...]) -> frozenset[Scope]:
        """Return what a token of `user` was granted, as far as it still exists, expanded."""
        return self._granted(user, texts)

    def of_everybody(self, name: str) -> frozenset[Scope]:
        """Return what `name` may do as everybody does, by the role `user` alone, expanded."""
        return self.expand(resolved(self._scopes(["user"]), user=name))

    def of_member(self, user: User, group: str) -> frozenset[Scope]:
        """Return what `user` may do by being a member of `group`, expanded."""
        return self.expand(resolved(self._scopes(self.names_of_group(group)), user=user.name))

    def of_service(self, name: str, more: Iterable[str] = ()) -> frozenset[Scope]:
        """Return all that a service may do by its roles and by `more` of them, expanded.

        Raises:
            Invalid: there is no role of such a name.
        """
        own = {role.name for role in self._roles.values() if name in role.services}
        return self.expand(resolved(self._scopes({*own, *more}), service=name))

    def texts(self, names: Iterable[str]) -> list[str]:
        """Return the scopes of the roles called `names`, as they are written.

        Raises:
            Invalid: there is no role of such a name.
        """
        return [scope.text for scope in self._scopes(names)]

    def _own(self, name: str, *, admin: bool) -> set[str]:
        own = self._given.get(name, _NOBODYS)
        return {"user", *own, ADMIN} if admin else {"user", *own}

    def _by_user(self) -> Mapping[str, list[str]]:
        given = defaultdict[str, list[str]](list)
        for role in self._roles.values():
            for name in role.users:
                given[name].append(role.name)
        return given

    def _of(
        self,
        name: str,
        admin: bool,  # noqa: FBT001 (a cache takes no names)
        groups: frozenset[str],
        given: frozenset[str],
    ) -> frozenset[Scope]:
        shared = {role.name for role in self._roles.values() if role.groups & groups}
        managed = filter(self.known, given - {ADMIN})  # who is one has the flag
        held = self._scopes({*self._own(name, admin=admin), *shared, *managed})
        return self.expand(resolved(held, user=name))

    def _of_token(self, user: str, texts: tuple[str, ...]) -> frozenset[Scope]:
        known = self.still(texts)
        if len(known) < len(texts):
            gone = sorted({*texts} - {it.text for it in known})
            words = "a token of %s holds unknown scopes, which are ignored: %s"
            logger.warning(words, user, ", ".join(gone))
        return self.expand(resolved(known, user=user))

    def _scopes(self, names: Iterable[str]) -> list[Scope]:
        found: list[Scope] = []
        for name in sorted(set(names)):
            scopes = self._parsed.get(name, self._learned.get(name))
            if scopes is None:
                raise Invalid("no-such-role", role=name)
            found += scopes
        return found

    def _scope_of(self, role: Role, text: str) -> Scope:
        try:
            return self.parse(text)
        except Invalid as error:
            raise Invalid(error.code, **error.params, role=role.name) from error

    def _checked(self, role: Role) -> Role:
        require_role_name(role.name)
        known = self._roles.get(role.name)
        if role.name == ADMIN and role.scopes and set(role.scopes) != set(DEFAULTS[1].scopes):
            raise Invalid("role-admin.fixed")
        return merged(known, role) if known else role


def require_role_name(name: str) -> None:
    """Let a role be called `name`.

    Raises:
        Invalid: it is no good name.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("role-name.bad", role=name)


def merged(one: Role, other: Role) -> Role:
    """Return `one` with what `other` says of it, for everybody who has either."""
    return replace(
        other,
        scopes=other.scopes or one.scopes,
        description=other.description or one.description,
        users=one.users | other.users,
        groups=one.groups | other.groups,
        services=one.services | other.services,
    )
