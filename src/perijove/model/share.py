"""Share, ShareCode: what a person, a group, or whoever has a link may do with somebody's server.

Scopes are kept by their names alone: the server is known by its id, so no change of a name can
lead what was shared to another server (GHSA-mj6q).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from perijove.model.errors import Invalid
from perijove.model.scope import NO_CUSTOM, Implied, Kind, Scope, expand, is_custom
from perijove.model.server import Server

ACCESS = "access:servers"
SHAREABLE = (ACCESS, "servers", "read:servers", "start:servers", "delete:servers")
"""Scopes that mean something for one server and do not reach beyond it, all but `custom:`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One row of pj_shares, with the server and the names of whom it is shared with."""

    id: int
    server: Server
    user: str | None
    """None: it is a group's."""
    group: str | None
    scopes: tuple[str, ...]
    """Names, sorted."""
    created: datetime
    accepted: datetime | None = None
    """When the person has said that they want it."""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCode:
    """One row of pj_share_codes, without its secret."""

    id: int
    server: Server
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime
    exchanges: int = 0
    exchanged: datetime | None = None
    """When it was last."""


def names(texts: Iterable[str], server: Server) -> tuple[str, ...]:
    """Return the names of scopes that are to be good for `server` alone.

    Raises:
        Invalid: one is filtered to something else, or is none that can be shared.
    """
    found = set()
    for text in texts:
        scope = Scope.parse(text)
        elsewhere = scope.kind is not Kind.NONE and scope != on(scope.name, server)
        if elsewhere or not (scope.name in SHAREABLE or is_custom(scope.name)):
            raise Invalid("share.scope", scope=text[:255], there=", ".join(SHAREABLE))
        found.add(scope.name)
    return tuple(sorted(found))


def on(name: str, server: Server) -> Scope:
    """Return the scope called `name`, good for `server` alone."""
    return Scope(name, Kind.SERVER, f"{server.user}/{server.name}")


def without(
    held: Iterable[str], revoked: Iterable[str], server: Server, custom: Implied = NO_CUSTOM
) -> tuple[str, ...]:
    """Return what is left of `held` when `revoked` is taken, and whatever implies it."""

    def implied(*names: str) -> set[str]:
        return {scope.name for scope in expand((on(name, server) for name in names), custom)}

    gone, all_held = set(revoked), implied(*held)
    if not gone & all_held:
        return tuple(sorted(held))
    return tuple(sorted(name for name in all_held if not implied(name) & gone))
