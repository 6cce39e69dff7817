"""The trash, as the page of all people shows it, and what is said before somebody is deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from perijove.core import Hub
from perijove.core.about import Homes
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.model.scope import Kind
from perijove.model.trash import Discarded
from perijove.model.user import User
from perijove.web.frame import reader

_MOST = 100
"""Homes on one page; the API shows all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """One row: a home in the trash."""

    key: str
    title: str
    """What the person was called; '' if nobody wrote it down."""
    name: str
    """Their user name, or what the trash calls it."""
    at: datetime
    size: str
    goes: str
    taken: bool
    """Whether the account cannot be made anew: somebody is called so, or nobody knows the name."""


async def thrown(hub: Hub, visit: Visit) -> list[Thrown]:
    """Return what is in the trash, for whoever may restore it."""
    held = visit.me.principal.scopes
    if not any(it.name == "admin:users" and it.kind is Kind.NONE for it in held):
        return []
    found = (await hub.trash.all())[:_MOST]
    return [await _row(hub, it, reader(visit)) for it in found]


async def becomes_of(hub: Hub, who: Reader, users: Sequence[User]) -> str:
    """Say what becomes of the homes of `users` who are deleted; '' where there is none."""
    match hub.about.homes:
        case Homes.TRASH if not [it for it in users if await hub.trash.would_take(it)]:
            return who.say("There is no home folder yet, so no files are lost.")
        case Homes.TRASH if hub.trash.days:
            days = who.count("{n} day", "{n} days", hub.trash.days)
            return who.say(
                "Their home folder is moved into the trash of this machine."
                " It can be restored there for {days}.",
                {"days": days},
            )
        case Homes.TRASH:
            return who.say(
                "Their home folder is moved into the trash of this machine."
                " It stays there until somebody empties it."
            )
        case Homes.DELETED:
            return who.say(
                "Their home folder is deleted, with all files in it;"
                " one that another hub has made is left alone."
            )
        case Homes.KEPT:
            return who.say("Their files are kept.")
        case Homes.NONE:
            return ""


def name_of(it: Discarded) -> str:
    """Return what is typed to delete it: whose it was, or what the trash calls it."""
    return it.label.user if it.label else it.key


async def _row(hub: Hub, it: Discarded, who: Reader) -> Thrown:
    label, goes = it.label, hub.trash.goes(it)
    there = await hub.accounts.named(label.user) if label else None
    return Thrown(
        key=it.key,
        title=label.display_name or label.user if label else "",
        name=name_of(it),
        at=it.at,
        size=who.say("being counted") if it.size is None else who.amount(it.size),
        goes=who.moment(goes) if goes else who.say("when you empty it"),
        taken=label is None or (there is not None and there.id != label.heir),
    )
