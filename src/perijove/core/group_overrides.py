"""Group overrides: what the servers of a group's members get, as `Spawner.group_overrides` has it.

Which of them apply is settled with the wish to start and stands in the row, so that whoever
launches the server launches the same.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from perijove.kit.merged import stacked
from perijove.kit.section import Traits
from perijove.model.user import User
from perijove.store import groups as store
from perijove.store.database import Database

logger = logging.getLogger(__name__)

Properties = Mapping[str, Any]


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

    def applies(self, memberships: Mapping[str, Properties]) -> bool:
        """Return whether it is for a member of these groups, which have these properties."""
        return any(
            (self.groups is None or name in self.groups) and self._has(properties)
            for name, properties in memberships.items()
        )

    def _has(self, properties: Properties) -> bool:
        return all(
            key in properties and properties[key] == it for key, it in self.properties.items()
        )


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
        """Return the keys of those that apply to servers of `user`, as their groups are now."""
        if not self.items:
            return ()
        memberships = await database.read(store.of(user.id))
        return tuple(it.key for it in self.items if it.applies(memberships))

    def changes(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return what those called `keys` change, the later over the earlier; None takes out.

        One that the settings have no more changes nothing.
        """
        made: dict[str, Any] = {}
        called = [it for it in self.items if it.key in keys]
        for it in called:
            made = stacked(made, it.changes)
        for gone in {*keys} - {it.key for it in called}:
            logger.warning("group override %r is not in the settings any more", gone)
        return made
