"""/audit and /users/{user}/audit: who changed what; ours alone."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from perijove.core import Hub
from perijove.core.access import has_power
from perijove.core.trail import Asked
from perijove.http.route import Call, Reply
from perijove.model.errors import Denied

Word = Annotated[str, StringConstraints(max_length=255)]


class OwnAuditQuery(BaseModel):
    """GET /users/{user}/audit."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    since: AwareDatetime | None = None
    before: AwareDatetime | None = None
    """For the next page: the `at` of the last entry."""
    call: Word = ""
    """Of one kind alone: a `call` as entries have it, `POST /users/{user}`."""


class AuditQuery(OwnAuditQuery):
    """GET /audit."""

    who: Word = ""
    """Who did it, or under which name somebody was to sign in."""
    about: Word = ""
    """Whom, or what, it is about."""


class AuditModel(BaseModel):
    """Entries of the audit log, the newest first."""

    entries: list[dict[str, Any]]


async def every(hub: Hub, call: Call) -> Reply:
    """Return the latest entries of the audit log, the newest first."""
    query = call.query
    assert isinstance(query, AuditQuery)
    if not has_power(call.principal):
        raise Denied("audit.administrators")
    return _shown(await hub.trail.all(_wanted(query)))


async def of_user(hub: Hub, call: Call) -> Reply:
    """Return the latest entries that concern a user, the newest first."""
    query = call.query
    assert isinstance(query, OwnAuditQuery)
    return _shown(await hub.trail.of(call.owner, _wanted(query)))


def _wanted(query: OwnAuditQuery) -> Asked:
    given = query.model_dump(exclude={"call"})
    return Asked(**given, calls=(query.call,) if query.call else ())


def _shown(entries: list[Any]) -> Reply:
    return Reply(200, AuditModel(entries=[dict(it) for it in entries]))
