"""What two sets of scopes both allow, and whether one lies within another (hub.md 3.4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from perijove.model.scope import Kind, Scope, Target

Groups: TypeAlias = Mapping[str, frozenset[str]]
"""The groups of every user whom a filter names, as far as they matter."""


def intersect(
    left: Iterable[Scope], right: Iterable[Scope], groups: Groups | None = None
) -> frozenset[Scope]:
    """Return what both of two expanded sets allow, filters compared pairwise.

    Two groups have no overlap that could be written down, so nothing is made of them.
    """
    by_name: defaultdict[str, list[Scope]] = defaultdict(list)
    for scope in right:
        by_name[scope.name].append(scope)
    known = groups or {}
    both = (_narrower(one, two, known) for one in left for two in by_name.get(one.name, ()))
    return frozenset(scope for scope in both if scope)


def within(inner: Iterable[Scope], outer: Iterable[Scope], groups: Groups | None = None) -> bool:
    """Return whether every scope of `inner` is held, on all that it selects, by `outer`."""
    wanted = frozenset(inner)
    return intersect(wanted, outer, groups) >= wanted


def people(scopes: Iterable[Scope]) -> frozenset[str]:
    """Return the users whom the filters of `scopes` name."""
    return frozenset(target(scope).user for scope in scopes) - {""}


def target(scope: Scope) -> Target:
    """Return what the filter of `scope` selects, as something that a request could be about."""
    match scope.kind:
        case Kind.USER:
            return Target(kind=Kind.USER, user=scope.value)
        case Kind.SERVER:
            user, _, server = scope.value.rpartition("/")
            return Target(kind=Kind.SERVER, user=user, server=server)
        case Kind.GROUP:
            return Target(kind=Kind.GROUP, group=scope.value)
        case Kind.SERVICE:
            return Target(kind=Kind.SERVICE, service=scope.value)
        case Kind.NONE:
            return Target()


def _narrower(one: Scope, two: Scope, groups: Groups) -> Scope | None:
    """Return the one that selects less, or None when neither lies within the other."""
    if _holds(two, one, groups):
        return one
    return two if _holds(one, two, groups) else None


def _holds(outer: Scope, inner: Scope, groups: Groups) -> bool:
    if outer == inner or outer.kind is Kind.NONE:
        return True
    if inner.kind is Kind.NONE:
        return False
    named = target(inner)
    return outer.covers(replace(named, groups=groups.get(named.user, frozenset())))
