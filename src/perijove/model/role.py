"""Role: a named set of scopes, and who has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role. Nobody is named in one that the authenticator gives: its people name it."""

    name: str
    scopes: tuple[str, ...] = ()
    description: str = ""
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
