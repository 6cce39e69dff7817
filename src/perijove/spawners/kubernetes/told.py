"""Told: the last events of each object, as long as it is there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from perijove.spawners.kubernetes.wire import Object, pack, unpack

_MOST = 50
_SPARE = 1000
"""So many objects that are gone may be remembered, until it is time to look."""
_TO_SECONDS = len("2026-01-01T00:00:00")


_Line: TypeAlias = tuple[str, str, bytes]
"""When, resourceVersion, text. A plain tuple of such is nothing for the garbage collector."""


@dataclass(slots=True)
class _Page:
    kind: str
    name: str
    lines: dict[str, _Line]


class Told:
    """Events by the uid of the object that they speak of."""

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    def __len__(self) -> int:
        """Return of how many objects something is told."""
        return len(self._pages)

    def of(self, uid: str) -> list[Object]:
        """Return the events of an object, oldest first."""
        page = self._pages.get(uid)
        lines = sorted(page.lines.values(), key=lambda it: it[0]) if page else []
        return [unpack(text) for _, _, text in lines]

    def see(self, type: str, event: Object) -> bool:
        """Take in an event; return whether it says something new."""
        about, name = event.get("involvedObject") or {}, event["metadata"]["name"]
        uid = about.get("uid") or ""
        page = self._pages.get(uid)
        if type == "DELETED":
            if page is not None and page.lines.pop(name, None) is not None and not page.lines:
                del self._pages[uid]
            return False
        if page is None:
            page = self._pages[uid] = _Page(about.get("kind", ""), about.get("name", ""), {})
        version = str(event["metadata"].get("resourceVersion"))
        before = page.lines.pop(name, None)
        text = pack(event)
        page.lines[name] = (_at(event), version, text)
        if len(page.lines) > _MOST:
            del page.lines[min(page.lines, key=lambda it: page.lines[it][0])]
        return before is None or before[1] != version

    def forget(self, uid: str) -> None:
        """Forget what was told of an object."""
        self._pages.pop(uid, None)

    def tidy(self, is_there: Callable[[str, str, str], bool], there: int) -> None:
        """Forget objects that are gone, by (uid, kind, name), when they are many."""
        if len(self._pages) > 2 * there + _SPARE:
            for uid in list(self._gone(is_there)):
                del self._pages[uid]

    def _gone(self, is_there: Callable[[str, str, str], bool]) -> Iterator[str]:
        for uid, page in self._pages.items():
            if not is_there(uid, page.kind, page.name):
                yield uid


def _at(event: Object) -> str:
    """Return when it happened last, to the second, as text that sorts."""
    series = event.get("series") or {}
    at = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )
    return str(at)[:_TO_SECONDS]
