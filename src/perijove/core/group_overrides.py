"""Group overrides: what the servers of a group's members get, as `Spawner.group_overrides` has it.

Which of them apply is settled with the wish to start and stands in the row, so that whoever
launches the server launches the same.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self, TypeAlias

from pydantic import Field, model_validator

from perijove.kit.merged import stacked
from perijove.kit.section import Traits
from perijove.model.user import User
from perijove.store import groups as store
from perijove.store.database import Database

Properties = Mapping[str, Any]
Tell: TypeAlias = Callable[[str], None]
"""Is told what the settings have no more."""
_DIGITS = 8


class GroupOverrideEntry(Traits):
    """`group_overrides.<key>`: the keys only order them, as texts."""

    groups: frozenset[str] = Field(default=frozenset(), strict=False)
    """For members of any of these groups."""
    properties: dict[str, Any] = Field(default={})
    """For members of a group that has all of these properties; with `groups`, of one of those."""
    spawner_override: dict[str, Any]
    """What their servers get instead, by the names that profiles use. Mappings are merged into
    what is there, and `null` takes out."""

    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        if self.among is None and not self.properties:
            raise ValueError("says of no group; name some with `groups: […]`, or `properties`")
        return self

    @property
    def among(self) -> frozenset[str] | None:
        """The groups of which one must be that of the person; None: any will do."""
        return self.groups if "groups" in self.model_fields_set else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOverride:
    """One of them."""

    key: str
    groups: frozenset[str] | None
    """None: any group with the properties."""
    properties: Properties
    changes: Mapping[str, Any]

    @property
    def id(self) -> str:
        """What a row calls it: its key, and a digest of for whom it is.

        Keys are numbers that people give anew when they put another override between two. What it
        changes is not in it: that is taken from the settings of the moment.
        """
        groups = None if self.groups is None else sorted(self.groups)
        whom = json.dumps([groups, self.properties], sort_keys=True, default=str)
        return f"{self.key}:{sha256(whom.encode()).hexdigest()[:_DIGITS]}"

    def applies(self, memberships: Mapping[str, Properties]) -> bool:
        """Return whether it is for a member of these groups, which have these properties."""
        return any(
            (self.groups is None or name in self.groups) and self._has(properties)
            for name, properties in memberships.items()
        )

    def _has(self, properties: Properties) -> bool:
        return all(
            key in properties and _same(properties[key], it) for key, it in self.properties.items()
        )


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: there, 1 is 1.0 and not true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


@dataclass(frozen=True, slots=True)
class GroupOverrides:
    """All there are, in the order in which they are applied; none is fine."""

    items: tuple[GroupOverride, ...] = ()

    @classmethod
    def of(cls, entries: Mapping[str, GroupOverrideEntry]) -> Self:
        """Return what `entries` say."""
        return cls(
            tuple(
                GroupOverride(
                    key=key,
                    groups=entries[key].among,
                    properties=entries[key].properties,
                    changes=entries[key].spawner_override,
                )
                for key in sorted(entries)
            )
        )

    async def applying(self, database: Database, user: User) -> tuple[str, ...]:
        """Return the ids of those that apply to servers of `user`, as their groups are now."""
        if not self.items:
            return ()
        memberships = await database.read(store.of(user.id))
        return tuple(it.id for it in self.items if it.applies(memberships))

    def changes(self, ids: Sequence[str], tell: Tell | None = None) -> dict[str, Any]:
        """Return what those called `ids` change, the later over the earlier; None takes out.

        One that the settings have no more, or for others, changes nothing.
        """
        made: dict[str, Any] = {}
        called = [it for it in self.items if it.id in ids]
        for it in called:
            made = stacked(made, it.changes)
        if tell:
            for gone in sorted({*ids} - {it.id for it in called}):
                tell(f"group override {gone!r} is not in the settings any more, or for others")
        return made
