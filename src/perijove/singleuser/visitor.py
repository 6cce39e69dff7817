"""Visitor: whom the hub names for a token, and whether the token opens this server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A user or a service, with what its token may do."""

    name: str
    kind: str = "user"
    scopes: frozenset[str] = frozenset()
    info: Mapping[str, str] = field(default_factory=dict[str, str])
    """For Jupyter's identity API: display_name, initials, avatar_url, color."""

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "Visitor":
        """Read the answer of `GET /user` (hub.md 1.5)."""
        info = model.get("user_info") or {}
        return cls(
            name=str(model["name"]),
            kind=str(model.get("kind", "user")),
            scopes=frozenset(str(scope) for scope in model.get("scopes", ())),
            info={str(key): value for key, value in info.items() if isinstance(value, str)},
        )

    def may(self, access: Iterable[str]) -> bool:
        """Return whether one of `access` is among the scopes, by itself or without its filter."""
        return any(
            scope in self.scopes or scope.partition("!")[0] in self.scopes for scope in access
        )
