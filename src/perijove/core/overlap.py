"""What two sets of scopes both allow, where the groups of those they name are to be looked up."""

from collections.abc import Iterable
from functools import lru_cache

from perijove.model.overlap import Groups, intersect, people
from perijove.model.scope import Kind, Scope
from perijove.store import users
from perijove.store.database import Database

_REMEMBERED = 1024
"""Pairs whose overlap is kept: whoever asked a moment ago asks again."""


async def overlap(
    database: Database, left: frozenset[Scope], right: frozenset[Scope], groups: Groups
) -> frozenset[Scope]:
    """Return what both of two expanded sets allow. `groups`: of those who are known already."""
    without = _without_groups(left, right)
    if without is not None:
        return without
    return intersect(left, right, await _of_people(database, people(left | right), groups))


async def lacking(
    database: Database, wanted: frozenset[Scope], holds: frozenset[Scope], groups: Groups
) -> frozenset[Scope]:
    """Return what is in `wanted` and not within `holds`; both are expanded."""
    without = _without_groups(wanted, holds)
    if without is not None:
        return wanted - without
    return wanted - intersect(wanted, holds, await _of_people(database, people(wanted), groups))


@lru_cache(_REMEMBERED)
def _without_groups(left: frozenset[Scope], right: frozenset[Scope]) -> frozenset[Scope] | None:
    """Return what both allow; None if it depends on who is in a group."""
    if any(scope.kind is Kind.GROUP for scope in left | right):
        return None
    return intersect(left, right)


async def _of_people(database: Database, names: Iterable[str], known: Groups) -> Groups:
    """Return the groups of `names`."""
    groups = dict(known)
    for name in {*names} - groups.keys():
        user = await database.read(users.named(name))
        groups[name] = user.groups if user else frozenset()
    return groups
