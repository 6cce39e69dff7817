"""Reader: who a page is drawn for, and how they write times, numbers and plurals."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from perijove.http.catalogue import counted, translated

ZONE_COOKIE = "pj_zone"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONG_AGO = 30 * _DAY
_FURTHEST = 14 * 60
_BRACES = re.compile(r"(?P<left> ?)\{\w+(?::\w+)?\}(?P<right> ?)")
_UNITS = ("TiB", "GiB", "MiB", "KiB")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]i)")
_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f“”…]")


def tight(text: str, place: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    """Return Chinese `text` with every `place` in it filled.

    Around a place stand the spaces that Latin needs; beside a Chinese value they go.
    """

    def put(found: re.Match[str]) -> str:
        given = value(found)
        bare = re.sub("<[^>]*>", "", given)
        left = "" if _CHINESE.match(bare[:1]) else found["left"]
        right = "" if _CHINESE.match(bare[-1:]) else found["right"]
        return left + given + right

    return place.sub(put, text)


def noted(text: str) -> str:
    """Return `text`, which somebody else says later: the catalogue must have it."""
    return text


def zone_of(cookie: str, fallback: tzinfo) -> tzinfo:
    """Return the zone that the browser has named: minutes east of Greenwich, as times.js says."""
    if not re.fullmatch(r"[+-]?[0-9]{1,3}", cookie) or abs(int(cookie)) > _FURTHEST:
        return fallback
    return timezone(timedelta(minutes=int(cookie)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The language and the zone of who reads, and when."""

    language: str = "en"
    zone: tzinfo = UTC
    now: datetime | None = None
    """None: nobody knows, so every time is written with its date and year."""

    def say(self, text: str, params: Mapping[str, Any] | None = None) -> str:
        """Return `text` in the reader's language, filled with `params`: `{at:moment}`."""
        known = _Known({name: _Value(value, self) for name, value in (params or {}).items()})
        said = translated(text, self.language)
        if self.language == "zh":
            return tight(said, _BRACES, lambda it: it.group().strip().format_map(known))
        return said.format_map(known)

    def both(self, first: str, second: str) -> str:
        """Return two sentences one after the other, either of which may be ''."""
        gap = "" if self.language == "zh" else " "
        return gap.join(part for part in (first, second) if part)

    def count(self, one: str, many: str, number: int) -> str:
        """Return `one` or `many` with {n} filled in."""
        return counted(one, many, number, self.language).format(n=f"{number:,}")

    def moment(self, at: datetime) -> str:
        """Return an instant: today 18:40; 21 Nov, 18:40; with the year if it is another."""
        here = at.astimezone(self.zone)
        time = f"{here:%H:%M}"
        if self._today(here):
            return self.say("today {time}", {"time": time})
        return f"{self.day(at)}{' ' if self.language == 'zh' else ', '}{time}"

    def day(self, at: datetime) -> str:
        """Return a day: 21 Nov, or 21 Nov 2027 if it is not this year."""
        here = at.astimezone(self.zone)
        given = {"day": here.day, "month": here.month, "name": _MONTHS[here.month - 1]}
        if self.now and self.now.astimezone(self.zone).year == here.year:
            return self.say("{day} {name}", given)
        return self.say("{day} {name} {year}", {**given, "year": here.year})

    def time(self, at: datetime) -> str:
        """Return the time of day: 18:40."""
        return f"{at.astimezone(self.zone):%H:%M}"

    def clock(self, at: datetime) -> str:
        """Return the time of day to the second: 18:40:12."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def recent(self, at: datetime) -> bool:
        """Return whether it is told in words: 12 minutes ago."""
        return self.now is not None and (self.now - at).total_seconds() < _LONG_AGO

    def ago(self, at: datetime) -> str:
        """Return how long ago it was, in words up to 30 days; then the day."""
        if self.now is None or not self.recent(at):
            return self.day(at)
        seconds = (self.now - at).total_seconds()
        if seconds < _MINUTE:
            return self.say("just now")
        if seconds < _HOUR:
            return self.count("{n} minute ago", "{n} minutes ago", int(seconds // _MINUTE))
        if seconds < _DAY:
            return self.count("{n} hour ago", "{n} hours ago", int(seconds // _HOUR))
        return self.count("{n} day ago", "{n} days ago", int(seconds // _DAY))

    def duration(self, seconds: float) -> str:
        """Return how long: 46 s, 9 min, 1 h 20 min."""
        whole = max(round(seconds), 0)
        if whole < _MINUTE:
            return self.say("{seconds} s", {"seconds": whole})
        if whole < _HOUR:
            return self.say("{minutes} min", {"minutes": whole // _MINUTE})
        hours, minutes = divmod(whole // _MINUTE, 60)
        if not minutes:
            return self.say("{hours} h", {"hours": hours})
        return self.say("{hours} h {minutes} min", {"hours": hours, "minutes": minutes})

    def size(self, given: str | float) -> str:
        """Return bytes: 2 GiB, 1.5 GiB, 300 MiB. A limit is never rounded.

        `given` may be a quantity of Kubernetes (4Gi); what is no size is returned as it is.
        """
        text = str(given)
        if found := _QUANTITY.fullmatch(text):
            return f"{found[1]} {found[2]}B"
        if not re.fullmatch(r"\d+(\.\d+)?", text):
            return text
        whole = int(float(text))
        for power, unit in zip(range(len(_UNITS), 0, -1), _UNITS, strict=True):
            tenths = round(whole / 1024**power, 1)
            if tenths >= 1 and int(tenths * 1024**power) == whole:
                return f"{tenths:,g} {unit}"
        return self.say("{n:number} bytes", {"n": whole})

    def amount(self, given: float) -> str:
        """Return roughly how many bytes: 8.1 GiB, 340 MiB."""
        power, least = 1, 10
        while given >= 1024 ** (power + 1) and power < len(_UNITS):
            power += 1
        rest = given / 1024**power
        return f"{rest:,.{int(rest < least)}f} {_UNITS[-power]}"

    def device(self, resource: str) -> str:
        """Return what people call a resource of a machine: GPU for nvidia.com/gpu."""
        name = resource.rpartition("/")[2]
        if name.startswith("mig-"):
            return self.say("GPU slice {name}", {"name": name.removeprefix("mig-")})
        if name == "ephemeral-storage":
            return self.say("disk space")
        return "GPU" if re.match(r"gpu\b|\w+gpu$", name) else resource

    def _today(self, here: datetime) -> bool:
        return self.now is not None and self.now.astimezone(self.zone).date() == here.date()


@dataclass(frozen=True, slots=True)
class _Value:
    """A parameter in a sentence; after its colon stands how to write it."""

    it: Any
    reader: Reader

    def __format__(self, how: str) -> str:
        if self.it is None:
            return "?"
        match how:
            case "moment":
                return self.reader.moment(_instant(self.it))
            case "duration":
                return self.reader.duration(float(self.it))
            case "bytes":
                return self.reader.size(self.it)
            case "about":
                return self.reader.amount(float(self.it))
            case "device":
                return self.reader.device(str(self.it))
            case "number":
                return f"{self.it:,}"
            case _:
                return format(self.it, how)


class _Known(dict[str, _Value]):
    """What a sentence is filled with; it is shown all the same when something is missing."""

    def __missing__(self, name: str) -> _Value:
        return _Value(None, Reader())


def _instant(given: str | float | datetime) -> datetime:
    if isinstance(given, datetime):
        return given
    if isinstance(given, str):
        return datetime.fromisoformat(given)
    return datetime.fromtimestamp(given, UTC)
