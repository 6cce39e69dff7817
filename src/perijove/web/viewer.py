"""What a page shows of people and their servers: no more than the API tells who reads it."""

from collections.abc import Iterable
from dataclasses import dataclass

from perijove.core import Hub
from perijove.core.access import Sight, grant
from perijove.core.shares import holds
from perijove.http.page import Visit
from perijove.model.errors import Denied
from perijove.model.principal import Principal
from perijove.model.scope import Kind, Scope, Target
from perijove.model.server import Server
from perijove.model.user import User
from perijove.store.people import Only

_ADMITS, _NOTHING = "admin:users", Target()


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who reads, and what they may see of whom; of a list, ask the same one for every row."""

    principal: Principal
    sight: Sight
    only: Only | None
    """Whom a list may show (`list:users`); None: everybody."""
    common: frozenset[str]
    """The fields that may be read of everybody whom a list shows."""

    @classmethod
    def of(cls, visit: Visit) -> "Viewer":
        """Return who has signed in, as a viewer."""
        principal = visit.me.principal
        sight = Sight(principal.scopes)
        try:
            listed = grant(principal, ("list:users",), _NOTHING, listing=True)
        except Denied:
            return cls(principal=principal, sight=sight, only=Only(), common=frozenset())
        shown = [sight.fields(_least(scope)) for scope in listed.filters]
        return cls(
            principal=principal,
            sight=sight,
            only=listed.only,
            common=frozenset.intersection(*shown),
        )

    @property
    def adds(self) -> bool:
        """Whether they may add anybody."""
        return holds(self.principal, _ADMITS, _NOTHING)

    def fields(self, user: User) -> frozenset[str]:
        """Return the fields of `user` that they may read."""
        return self.sight.of_all or self.sight.fields(about(user))

    def sees(self, user: User) -> bool:
        """Return whether they may read what `user` is called, by both names."""
        return "user_info" in self.fields(user)

    def named(self, user: User) -> str:
        """Return what `user` is called, for who may read it, else the id that they have sent."""
        return user.name if self.sees(user) else str(user.id)

    def servers(self, user: User, servers: Iterable[Server]) -> list[Server]:
        """Return those of the `servers` of `user` that they may see."""
        if self.sight.of_all is not None:
            return list(servers) if "servers" in self.sight.of_all else []
        return [it for it in servers if "servers" in self.sight.fields(about(user, it.name))]

    def manages(self, user: User) -> bool:
        """Return whether they may let `user` in, and open the page about them."""
        whole = Scope(_ADMITS) in self.principal.scopes
        return whole or holds(self.principal, _ADMITS, about(user))


async def asking(hub: Hub, visit: Visit) -> list[User]:
    """Return who waits for approval that the visitor may give, the longest waiting first."""
    if not any(scope.name == _ADMITS for scope in visit.me.principal.scopes):
        return []
    viewer = Viewer.of(visit)
    return [user for user in await hub.accounts.waiting() if viewer.manages(user)]


def about(user: User, server: str | None = None) -> Target:
    """Return `user`, or a server of theirs, as something that a request is about."""
    kind = Kind.USER if server is None else Kind.SERVER
    return Target(kind=kind, user=user.name, server=server or "", groups=user.groups)


def _least(scope: Scope) -> Target:
    """Return somebody whom `scope` lists and of whom nothing else is known."""
    user = scope.value if scope.kind is Kind.USER else ""
    groups = frozenset({scope.value} if scope.kind is Kind.GROUP else ())
    return Target(kind=Kind.USER, user=user, groups=groups)
