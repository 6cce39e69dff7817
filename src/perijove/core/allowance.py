"""Allowance: what a service may be given by a person, beside who they are."""

from dataclasses import dataclass

from perijove.core.overlap import overlap
from perijove.core.roles import Roles
from perijove.model.client import Client
from perijove.model.scope import INHERIT, Scope, resolved
from perijove.model.visitor import Visitor
from perijove.store.database import Database


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of one client and one person."""

    allowed: frozenset[Scope]
    """What the client may ask for."""
    held: frozenset[Scope]
    """As much of it as the person holds."""


async def allowance(
    database: Database, roles: Roles, visitor: Visitor, client: Client
) -> Allowance:
    """Return what `client` may be given by `visitor`."""
    if not client.allowed:
        return Allowance(frozenset(), frozenset())
    name, holds = visitor.user.name, visitor.principal.scopes
    parsed = roles.still(client.allowed)
    if any(scope.name == INHERIT for scope in parsed):
        return Allowance(holds, holds)
    allowed = roles.expand(resolved(parsed, user=name, service=client.service))
    groups = {name: visitor.user.groups}
    return Allowance(allowed, await overlap(database, allowed, holds, groups))
