"""Trail: the latest entries of the audit log, read back: all of them, or what concerns a person."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, TypeAlias

from perijove.kit.journal import latest
from perijove.model.user import User

Entry: TypeAlias = Mapping[str, Any]

KEPT = 5000
"""Entries that are remembered where no file is kept."""
_OLD = 1000
"""So many lines in a row that are too old end the reading: a clock may have been wrong for some."""
_TICK = timedelta(milliseconds=1)
"""Between two times of entries."""
_STEP = timedelta(hours=1)
"""By so much a clock may have been set back."""
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_AT = '{"at": "'
_GOOD = 400
RENAMED = "PATCH /users/{user}"
"""The call by which people get other names."""
_TOLD = frozenset({"as", "why", "admin", "standing", "remove", "password", "name", "server"})
"""Of the details of what somebody else has done, what the person concerned is told."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of entries ends."""

    at: str
    request: str
    """Those of its last entry; others may have the same."""
    shown: int
    """How many entries were shown from the first of those on."""

    @classmethod
    def of(cls, shown: Sequence[Entry], was: "Mark | None" = None) -> "Mark":
        """Return where a page with `shown` ends; `was`: where the page before it did."""
        last = key(shown[-1])
        if was is not None and last == (was.at, was.request):
            return replace(was, shown=was.shown + len(shown))
        first = next(n for n, it in enumerate(shown) if key(it) == last)
        return cls(*last, len(shown) - first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries are wanted."""

    limit: int = 100
    who: str = ""
    """Who did it, or under which name somebody was to sign in."""
    about: str = ""
    calls: Collection[str] = ()
    """Any of these, `POST /users/{user}`; none: all."""
    since: datetime | None = None
    before: datetime | None = None
    past: Mark | None = None
    """Those that lie behind it, whatever times they have."""

    @property
    def by_time(self) -> "Asked":
        """Return the same without a mark: what is not later than it."""
        assert self.past is not None
        ends = datetime.fromisoformat(self.past.at) + _TICK
        return replace(self, past=None, before=min(self.before or ends, ends))


@dataclass(frozen=True, slots=True)
class _Look:
    """What the file is searched for."""

    limit: int
    word: str
    """Each entry that is wanted holds it."""
    since: datetime | None
    past: Mark | None

    @classmethod
    def of(cls, asked: Asked, word: str, since: datetime | None) -> "_Look":
        shown = asked.past.shown if asked.past is not None else 0
        return cls(asked.limit + shown, word, since, asked.past)


@dataclass(slots=True, kw_only=True)
class Trail:
    """Reads them, the newest first."""

    path: Path | None = None
    """The file; None: entries go to the log, and this process remembers the last of its own."""
    _recent: deque[Entry] = field(init=False, default_factory=lambda: deque(maxlen=KEPT))
    _one: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """Held by whoever reads: many who read much would leave no thread for what cannot wait."""
    _own: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """The same, for what concerns oneself: anybody may ask, and administrators do not wait."""

    def remember(self, entry: Entry) -> None:
        """Keep an entry that no file keeps."""
        self._recent.append(entry)

    async def all(self, asked: Asked) -> list[Entry]:
        """Return the entries that are wanted."""
        return await _behind(asked, self._all)

    async def of(self, user: User, asked: Asked) -> list[Entry]:
        """Return what concerns `user`, since there is somebody of that name, as they may see it."""
        return await _behind(asked, partial(self._of, user))

    async def _all(self, asked: Asked) -> list[Entry]:
        look = _Look.of(asked, asked.about or asked.who, asked.since)
        return await self._found(look, lambda entry: _wanted(entry, asked), self._one)

    async def _of(self, user: User, asked: Asked) -> list[Entry]:
        made = user.created
        made = made.replace(microsecond=made.microsecond // 1000 * 1000)  # as entries have it
        others = False
        """Whether the rest is of somebody who had the name before."""

        def concerns(entry: Entry) -> bool:
            nonlocal others
            if others:
                return False
            others = _is_given(entry, user.name)
            own = _by(entry, user.name)
            here = datetime.fromisoformat(entry["at"]) >= made
            theirs = own or (user.name in _people(entry) and entry["status"] < _GOOD)
            return here and theirs and _wanted(entry, asked)

        since = max(asked.since or made, made)
        look = _Look.of(asked, user.name, since)
        found = await self._found(look, concerns, self._own)
        return [it if _by(it, user.name) else _less(it) for it in found]

    async def _found(
        self, look: _Look, fits: Callable[[Entry], bool], turn: asyncio.Lock
    ) -> list[Entry]:
        if self.path is None:
            recent = list(self._recent)
            return _first(look, filter(fits, reversed(recent)))
        async with turn:
            return await asyncio.to_thread(_read, self.path, look, fits)


async def _behind(asked: Asked, look: Callable[[Asked], Awaitable[list[Entry]]]) -> list[Entry]:
    """Return what `look` finds behind the mark; by its time, where what it names is no more."""
    found = await look(asked)
    if asked.past is None:
        return found
    return found[asked.past.shown :] if found else await look(asked.by_time)


def _read(path: Path, look: _Look, fits: Callable[[Entry], bool]) -> list[Entry]:
    """Return the last entries of the file that fit; those without the word are not looked at."""
    lines = latest(path)
    if look.since is not None:
        since = min(max(look.since, _FIRST), _LAST)  # what a calendar can be asked about
        lines = _until(lines, since.astimezone(UTC) - _STEP)
    return _first(look, filter(fits, _parsed(_with(lines, look.word))))


def _with(lines: Iterator[str], word: str) -> Iterator[str]:
    """Yield those of `lines` that hold `word` as a whole value: most are not worth reading."""
    if not word:
        yield from lines
        return
    sought = json.dumps(word, ensure_ascii=False)
    for line in lines:
        at = line.find(sought)
        while at >= 0 and _is_no_name(line, at, at + len(sought)):
            at = line.find(sought, at + 1)
        if at >= 0:
            yield line


def _is_no_name(line: str, begin: int, end: int) -> bool:
    return line.startswith(": ", end) or line.endswith(('"kind": ', '"by": '), 0, begin)


def _until(lines: Iterator[str], since: datetime) -> Iterator[str]:
    """Yield `lines`, the newest first, until it is clear that all others are older than `since`."""
    first, old = since.isoformat(timespec="milliseconds"), 0
    for line in lines:
        if line.startswith(_AT):
            old = old + 1 if line[len(_AT) : len(_AT) + len(first)] < first else 0
        if old > _OLD:
            return
        yield line


def _parsed(lines: Iterator[str]) -> Iterator[Entry]:
    for line in lines:
        try:
            entry = json.loads(line)
            datetime.fromisoformat(entry["at"])
            int(entry["status"])
        except (ValueError, TypeError, KeyError):
            continue  # `perijove audit --check` tells of it
        yield {key: value for key, value in entry.items() if key not in {"after", "chain"}}


def _first(look: _Look, entries: Iterator[Entry]) -> list[Entry]:
    if (past := look.past) is not None:
        entries = dropwhile(lambda it: key(it) != (past.at, past.request), entries)
    return list(islice(entries, look.limit))


def key(entry: Entry) -> tuple[str, str]:
    """Return what tells an entry from others."""
    return entry["at"], str(entry.get("request") or "")


def _wanted(entry: Entry, asked: Asked) -> bool:
    at = datetime.fromisoformat(entry["at"])
    return not (
        (asked.since and at < asked.since)
        or (asked.before and at >= asked.before)
        or (asked.who and _asker(entry) != asked.who)
        or (asked.calls and entry.get("call") not in asked.calls)
        or (asked.about and asked.about not in _people(entry) | _things(entry))
    )


def _by(entry: Entry, name: str) -> bool:
    """Return whether the person `name` has done it, or somebody under their name tried to enter."""
    if entry.get("who") is None:
        return bool((entry.get("details") or {}).get("name") == name)
    return bool(entry["who"] == name and entry.get("kind") == "user")


def _asker(entry: Entry) -> object:
    """Return who asked, or under which name somebody was to sign in."""
    return entry.get("who") or (entry.get("details") or {}).get("name")


def _is_given(entry: Entry, name: str) -> bool:
    """Return whether somebody was called `name` by it, who had another name."""
    told, about = entry.get("details") or {}, entry.get("about") or {}
    renamed = entry.get("call") == RENAMED and entry["status"] < _GOOD
    return bool(renamed and told.get("name") == name != about.get("user"))


def _people(entry: Entry) -> set[str]:
    """Return the names of those to whom something was done."""
    about, details = entry.get("about") or {}, entry.get("details") or {}
    named = {it.get(key) for it in (about, details) for key in ("user", "owner")}
    named.add(details.get("as"))
    many = details.get("users")
    named |= set(many) if isinstance(many, list) else set()
    if entry.get("call") == RENAMED:
        named.add(details.get("name"))
    return {name for name in named if isinstance(name, str)}


def _things(entry: Entry) -> set[str]:
    """Return the names of what it is about."""
    about = entry.get("about") or {}
    return {value for value in about.values() if isinstance(value, str)}


def _less(entry: Entry) -> Entry:
    """Return `entry` without what is of others: where they are, and who else it was about."""
    details = {key: it for key, it in (entry.get("details") or {}).items() if key in _TOLD}
    shown = {key: it for key, it in entry.items() if key not in {"from", "details", "by"}}
    return {**shown, "details": details} if details else shown
