"""May this principal make itself somebody else: by a password, a token, the home they left?"""

from dataclasses import dataclass

from perijove.core.access import has_power, listed
from perijove.core.accounts import Accounts
from perijove.core.tokens import Tokens
from perijove.model.errors import Denied
from perijove.model.overlap import intersect, people
from perijove.model.principal import Principal
from perijove.model.scope import INHERIT, Kind, Scope, Target
from perijove.model.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonation:
    """Whoever knows a password, or the secret of a token, is whose it is."""

    tokens: Tokens
    accounts: Accounts

    async def require_password(self, principal: Principal, user: User) -> None:
        """Let `principal` choose the password of `user` if it may all that they may.

        Raises:
            Denied: it may not; administrators may all the same.
        """
        await self._require(principal, user, "password.gives-more")

    async def require_home(self, principal: Principal, left: User) -> None:
        """Let `principal` put what `left`, who is gone, has left into somebody else's home.

        It holds what nobody but they could read, so who may not be them does not get it so.

        Raises:
            Denied: `left` could do what `principal` may not; administrators may all the same.
        """
        await self._require(principal, left, "home.gives-more")

    async def granted(
        self, principal: Principal, owner: User, scopes: list[str] | None
    ) -> list[str] | None:
        """Return the scopes of a token of `owner` that `principal`, who may make them, gets.

        What everybody may, `tokens` gives of all whom it selects, but of no administrator.
        `scopes`: None is all that `owner` may, and stays so if they or an administrator ask;
        others get of it what they may give now, for they gain nothing when `owner` does.

        Raises:
            Denied: the token may more, and `principal` may not; administrators may all the same.
            Invalid: a scope that `owner` does not hold.
        """
        if has_power(principal):
            return scopes
        wanted = await self.tokens.asked(owner, scopes)
        lacking = await self.tokens.lacking(owner, wanted, principal.scopes)
        inherits = scopes is None or INHERIT in scopes
        if inherits and not lacking and principal.user_id == owner.id:
            return scopes
        lacking -= intersect(lacking, await self._of_everybody(principal, owner, lacking))
        if lacking and (owner.admin or not inherits):
            raise Denied("token.gives-more", user=owner.name, gained=listed(lacking))
        return sorted(it.text for it in wanted - lacking) if inherits else scopes

    async def _require(self, principal: Principal, user: User, code: str) -> None:
        if has_power(principal):
            return
        holds = await self.tokens.holds(user)
        lacking = await self.tokens.lacking(user, holds, principal.scopes)
        if lacking:
            raise Denied(code, user=user.name, gained=listed(lacking))

    async def _of_everybody(
        self, principal: Principal, owner: User, wanted: frozenset[Scope]
    ) -> frozenset[Scope]:
        """Return what those whom `wanted` names may as everybody does, if it may be them."""
        makes = [scope for scope in principal.scopes if scope.name == "tokens"]
        found = frozenset[Scope]()
        for name in people(wanted):
            user = owner if name == owner.name else await self.accounts.named(name)
            if user is None or user.admin:
                continue
            target = Target(kind=Kind.USER, user=name, groups=user.groups)
            if any(scope.covers(target) for scope in makes):
                found |= self.tokens.roles.of_everybody(name)
        return found
