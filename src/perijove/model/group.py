"""Group: people who share something, roles and profiles for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One row of pj_groups, with the names of its members."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Any JSON object; it means something to whoever wrote it."""
    users: tuple[str, ...] = ()
    """By name."""
