"""/audit: who changed what, for administrators; /account/audit: what concerns oneself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import has_power
from perijove.core.trail import KEPT, Asked, Entry, Mark
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.model.errors import Denied
from perijove.web.audited import ACTIONS, LABELS, MEANS, SIGNED_OUT, WORDS
from perijove.web.frame import Notice, draw, reader

PAGE = 50
_LONGEST, _MOST = 120, 20
"""Characters of one value, and values of a list, that a page shows."""
_FIRST_ERROR = 400
COLUMNS = frozenset({"refused", "failed", "as"})
"""Details that stand in columns of their own."""
_AT_NIGHT, _A_DAY = time(0), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry, in words."""

    at: datetime
    who: str
    means: str
    """What they have shown, for administrators: session, token a12."""
    acts_as: str
    what: str
    call: str
    about: Sequence[tuple[str, str]]
    """Label and value."""
    origin: str
    done: bool
    result: str
    code: str
    """Of the error, or the status."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the address of the page asks for."""

    who: str = ""
    about: str = ""
    action: str = ""
    since: str = ""
    """A day of the reader, 2026-11-21."""
    until: str = ""
    """The last day."""
    before: str = ""
    """The next page: the time of the last entry of this one,"""
    request: str = ""
    """its request,"""
    skip: int = 0
    """and how many entries were shown from there on."""

    @classmethod
    def of(cls, visit: Visit) -> "Search":
        """Return what the address asks for."""
        words = {name: visit.asked(name).strip()[:255] for name in ("who", "about", "request")}
        days = {name: visit.asked(name).strip()[:40] for name in ("since", "until", "before")}
        action, skip = visit.asked("action"), visit.asked("skip")
        return cls(
            **words,
            **days,
            action=action if action in ACTIONS else "",
            skip=int(skip) if skip.isascii() and skip.isdigit() and len(skip) < len("10000") else 0,
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != Search(before=self.before, request=self.request, skip=self.skip)

    def address(self, here: str) -> str:
        """Return where it is answered: `here` is the page."""
        given = {name: getattr(self, name) for name in self.__slots__}
        asked = urlencode({name: it for name, it in given.items() if it})
        return f"{here}?{asked}" if asked else here

    @property
    def unclear(self) -> str:
        """Return what is no day, '' if there is nothing of the kind."""
        days = (it for it in (self.since, self.until) if it and _day(it) is None)
        return next(days, "") or ("" if not self.before or _instant(self.before) else self.before)

    def asked(self, who: Reader) -> Asked:
        """Return which entries it means: one more than a page holds."""
        first, last, before = _day(self.since), _day(self.until), _instant(self.before)
        ends = [datetime.combine(last, _AT_NIGHT, who.zone) + _A_DAY] if last else []
        asked = Asked(
            limit=PAGE + 1,
            who=self.who,
            about=self.about,
            calls=ACTIONS[self.action][1] if self.action else (),
            since=datetime.combine(first, _AT_NIGHT, who.zone) if first else None,
            before=min(ends) if ends else None,
            past=self._mark if before else None,
        )
        return asked if self.request or self.skip or not before else asked.by_time

    @property
    def _mark(self) -> Mark:
        return Mark(self.before, self.request, self.skip)

    def after(self, shown: Sequence[Entry]) -> "Search":
        """Return the search for what is older than `shown`."""
        mark = Mark.of(shown, self._mark)
        return replace(self, before=mark.at, request=mark.request, skip=mark.shown)


async def every(hub: Hub, visit: Visit) -> Response:
    """Show administrators all that matches."""
    if not has_power(visit.me.principal):
        raise Denied("audit.administrators")
    hub.pace.take(visit.me.principal)
    search = Search.of(visit)
    found = await _found(search, reader(visit), hub.trail.all)
    return await _show(hub, visit, search, found, visit.pages.url("audit"))


async def own(hub: Hub, visit: Visit) -> Response:
    """Show a person what concerns them."""
    hub.pace.take(visit.me.principal)
    search = replace(Search.of(visit), who="", about="")
    found = await _found(search, reader(visit), partial(hub.trail.of, visit.me.user))
    return await _show(hub, visit, search, found, visit.pages.url("account", "audit"), mine=True)


async def _found(
    search: Search, who: Reader, look: Callable[[Asked], Awaitable[list[Entry]]]
) -> list[Entry]:
    return [] if search.unclear else await look(search.asked(who))


async def _show(
    hub: Hub, visit: Visit, search: Search, found: list[Entry], here: str, *, mine: bool = False
) -> Response:
    who, notices = reader(visit), list[Notice]()
    if search.unclear:
        said = who.say(
            "“{words}” is no day, so nothing is found. A day is written 2026-11-21.",
            {"words": search.unclear},
        )
        notices.append(Notice(said, "", "wait", "search"))
    shown = found[:PAGE]
    more = len(found) > PAGE
    return await draw(
        hub,
        visit,
        "audit.html",
        notices=notices,
        mine=mine,
        search=search,
        actions=sorted(
            ((key, who.say(it[0])) for key, it in ACTIONS.items()), key=lambda it: it[1]
        ),
        page=here,
        entries=[line(it, who) for it in shown],
        first=replace(search, before="", request="", skip=0).address(here) if search.before else "",
        after=search.after(shown).address(here) if more else "",
        kept=KEPT,
        in_file=hub.trail.path is not None,
    )


def line(entry: Entry, who: Reader) -> Line:
    """Return an entry in the words of who reads it."""
    details: Mapping[str, Any] = entry.get("details") or {}
    good = entry["status"] < _FIRST_ERROR and not details.get("refused")
    code = str(entry.get("error") or details.get("refused") or "")
    return Line(
        at=datetime.fromisoformat(entry["at"]),
        who=str(entry.get("who") or details.get("name") or ""),
        means=_means(str(entry.get("by") or ""), who),
        acts_as=str(details.get("as") or ""),
        what=_what(entry, details, who),
        call=str(entry.get("call") or ""),
        about=_about(entry, who),
        origin=str(entry.get("from") or ""),
        done=good,
        result=_result(details, who, good=good),
        code="" if good else code or str(entry["status"]),
    )


def _what(entry: Entry, details: Mapping[str, Any], who: Reader) -> str:
    if details.get("signed_out"):
        return who.say(SIGNED_OUT)
    return who.say(WORDS[entry["call"]]) if entry.get("call") in WORDS else ""


def _means(by: str, who: Reader) -> str:
    """Return what was shown: `session`, `token a12`, of which the word is translated."""
    word, gap, number = by.rpartition(" ")
    if not gap:
        word, number = number, ""
    return f"{who.say(MEANS[word])}{gap}{number}" if word in MEANS else by


def _result(details: Mapping[str, Any], who: Reader, *, good: bool) -> str:
    failed = details.get("failed")
    if isinstance(failed, Mapping) and failed:
        names = ", ".join(list(map(str, failed))[:_MOST])
        return who.say("done, but not for {names}", {"names": names})
    return who.say("done") if good else who.say("refused")


def _about(entry: Entry, who: Reader) -> list[tuple[str, str]]:
    given = {**(entry.get("about") or {}), **(entry.get("details") or {})}
    given |= {name: entry[name] for name in ("refused_before",) if name in entry}
    left_out = COLUMNS if entry.get("who") else COLUMNS | {"name"}
    return [
        (who.say(LABELS[name]) if name in LABELS else name, _value(value, who))
        for name, value in given.items()
        if name not in left_out and value not in ("", None, [])
    ]


def _value(value: Any, who: Reader) -> str:
    if isinstance(value, bool):
        return who.say("yes") if value else who.say("no")
    if isinstance(value, list):
        shown = [str(it) for it in value[:_MOST]]
        value = ", ".join(shown + ["…"] * (len(value) > _MOST))
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year < date.max.year else None  # noqa: PLR2004 - the epoch


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo and 1970 <= found.year < date.max.year else None  # noqa: PLR2004
