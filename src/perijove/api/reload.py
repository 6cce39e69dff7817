"""/reload"""

from typing import Any

from pydantic import BaseModel

from perijove.api.people import DifferenceModel, shown
from perijove.core import Hub
from perijove.core.reload import Found
from perijove.http.route import Call, Reply


class ChangeModel(BaseModel):
    """One key of the configuration that differs from what is in effect."""

    key: str
    before: Any = None
    after: Any = None
    """As JSON; a secret is `(secret)`."""
    effect: str
    """now, next-start (of each server) or restart (of Perijove)."""


class ReloadModel(BaseModel):
    """What the configuration says, beside what is in effect; ours alone."""

    changes: list[ChangeModel]
    problems: list[str]
    """Why it cannot be used."""
    notices: list[str]
    restored: list[DifferenceModel] = []
    """What of people and groups was not as it says, and is now; only once it was reloaded."""


async def compare(hub: Hub, _: Call) -> Reply:
    """Say what a reload would change; ours alone."""
    return Reply(200, _model(await hub.reload.compare()))


async def apply(hub: Hub, call: Call) -> Reply:
    """Read the configuration again and go by it, except for what needs a restart; ours alone."""
    found = await hub.reload.apply()
    call.asked.done["changes"] = [it.key for it in found.changes]
    if found.restored:
        told = (f"{it.kind} {it.group or it.user}" for it in found.restored)
        call.asked.done["restored"] = list(dict.fromkeys(told))
    return Reply(200, _model(found))


def _model(found: Found) -> ReloadModel:
    return ReloadModel(
        changes=[
            ChangeModel(key=it.key, before=it.before, after=it.after, effect=it.effect.value)
            for it in found.changes
        ],
        problems=list(found.problems),
        notices=list(found.notices),
        restored=list(map(shown, found.restored)),
    )
