"""/audit and /users/{user}/audit: who changed what; ours alone."""

from collections.abc import Awaitable, Callable
from dataclasses import astuple
from functools import partial
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from perijove.api import paging
from perijove.core import Hub
from perijove.core.access import has_power
from perijove.core.trail import Asked, Entry, Mark
from perijove.http.route import Call, Reply
from perijove.model.errors import Denied
from perijove.model.token import Kind

Word = Annotated[str, StringConstraints(max_length=255)]


class OwnAuditQuery(BaseModel):
    """GET /users/{user}/audit."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    since: AwareDatetime | None = None
    before: AwareDatetime | None = None
    """Older entries than that."""
    after: str = ""
    """Only as `next` has it: the page begins after what the one before has ended with."""
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
    next: str | None = None
    """The URL of older ones that are asked for as well."""


async def every(hub: Hub, call: Call) -> Reply:
    """Return the latest entries of the audit log, the newest first."""
    query = call.query
    assert isinstance(query, AuditQuery)
    if not has_power(call.principal):
        raise Denied("audit.administrators")
    return await _page(hub, call, query, hub.trail.all)


async def of_user(hub: Hub, call: Call) -> Reply:
    """Return the latest entries that concern a user, the newest first.

    Services that they let in are not told: what they were allowed says nothing of that.
    """
    query, asker = call.query, call.principal
    assert isinstance(query, OwnAuditQuery)
    own = asker.user_id == call.owner.id and asker.token_kind is not Kind.OAUTH
    if not (own or has_power(asker)):
        raise Denied("audit.others")
    return await _page(hub, call, query, partial(hub.trail.of, call.owner))


async def _page(
    hub: Hub, call: Call, query: OwnAuditQuery, look: Callable[[Asked], Awaitable[list[Entry]]]
) -> Reply:
    secret, about = hub.about.page_secret, call.asked.raw_path
    was = _mark(*paging.opened_key(secret, about, query.after)) if query.after else None
    found = await look(_wanted(query, was))
    shown, following = found[: query.limit], None
    if len(found) > query.limit:
        mark = Mark.of(shown, was)
        following = paging.link(call, secret, about, astuple(mark))
    return Reply(200, AuditModel(entries=[dict(it) for it in shown], next=following))


def _mark(at: str | int, request: str | int, shown: str | int) -> Mark:
    return Mark(str(at), str(request), int(shown))


def _wanted(query: OwnAuditQuery, past: Mark | None) -> Asked:
    """Return what is asked for, and one more: it shows that there is another page."""
    given = query.model_dump(exclude={"call", "limit", "after"})
    calls = (query.call,) if query.call else ()
    return Asked(**given, limit=query.limit + 1, calls=calls, past=past)
