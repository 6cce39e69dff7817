"""/people/drift"""

from typing import Any

from pydantic import BaseModel

from perijove.core import Hub
from perijove.core.people import LEFT_ALONE, Difference
from perijove.http.route import Call, Reply


class DifferenceModel(BaseModel):
    """One way in which people are not as the values say."""

    kind: str
    """absent, not-active, admin, display-name, undeclared, no-group, no-member, member,
    properties or no-bearer."""
    user: str = ""
    group: str = ""
    wanted: Any = None
    found: Any = None
    applied: bool
    """The next reload or start makes it so; else it is for a person to decide."""


class DriftModel(BaseModel):
    """How people and groups differ from what the values say; ours alone."""

    differences: list[DifferenceModel]


async def drift(hub: Hub, _: Call) -> Reply:
    """Say how people and groups differ from what the values say; ours alone."""
    return Reply(200, DriftModel(differences=list(map(shown, await hub.people.drift()))))


def shown(each: Difference) -> DifferenceModel:
    """Return what clients see of `each`."""
    return DifferenceModel(
        kind=each.kind.value,
        user=each.user,
        group=each.group,
        wanted=each.wanted,
        found=each.found,
        applied=each.kind not in LEFT_ALONE,
    )
