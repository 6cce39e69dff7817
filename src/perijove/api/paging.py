"""Lists a page at a time, as JupyterHub's clients ask for them (hub.md 2.2).

What `next` names is found by the key of the last item that was shown, not by counting: who comes
or goes meanwhile hides nobody else and shows nobody twice. `offset` alone counts, as there.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel

from perijove.core.about import About
from perijove.http.body import all_dumped, dumped
from perijove.http.route import Call, Items, Reply
from perijove.kit.seal import opened, sealed
from perijove.model.errors import Invalid
from perijove.store.statement import Key

T = TypeVar("T")
_PAGED = "application/jupyterhub-pagination+json"
_MOST = 2**31


class PageQuery(BaseModel):
    """GET of a list."""

    offset: int = 0
    limit: int | None = None
    after: str = ""
    """Only as `next.url` has it: the page begins after what the one before has ended with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    call: Call
    offset: int
    limit: int
    paged: bool
    """With its place in the list around it."""
    after: Key | None
    """The key of the last item of the page before; None: the first `offset` are counted."""
    secret: bytes
    about: str

    @property
    def read(self) -> int:
        """Return how many to read: one more shows that there is another page."""
        return self.limit + 1

    def of(self, items: Iterable[T], key: Callable[[T], Key]) -> list[T]:
        """Return what is to read of `items`, which are sorted by `key`, as Python compares."""
        if self.after is not None:
            after = self.after
            return [it for it in items if key(it) > after][: self.read]
        return list(items)[self.offset : self.offset + self.read]

    def reply(
        self,
        found: Sequence[T],
        total: int,
        key: Callable[[T], Key],
        shown: Items | Mapping[str, Any],
    ) -> Reply:
        """Return the answer that has `shown`, the first `limit` of `found`.

        `total`: how many there are altogether.
        """
        if not self.paged:
            return Reply(200, shown)
        following = None
        if len(found) > self.limit:
            offset = self.offset + self.limit
            last = key(found[self.limit - 1])
            url = link(self.call, self.secret, self.about, last, offset=offset, limit=self.limit)
            following = {"offset": offset, "limit": self.limit, "url": url}
        here = {"offset": self.offset, "limit": self.limit, "total": total, "next": following}
        place = json.dumps(here).encode()
        return Reply(200, b'{"items":' + _dumped(shown) + b',"_pagination":' + place + b"}")


def asked(call: Call, about: About, *, order: str = "", always: bool = False) -> Page:
    """Return the page that a request asks for.

    `order`: what the list is sorted by, if that can be chosen.
    `always`: its place in the list is told, whatever the request accepts.

    Raises:
        Invalid: its `after` is none that this list has given.
    """
    query = call.query
    assert isinstance(query, PageQuery)
    paged = always or _PAGED in call.asked.given.get("accept", "")
    default = about.page_limit if paged else about.page_most
    limit = min(abs(default if query.limit is None else query.limit) or default, about.page_most)
    secret, of = about.page_secret, f"{call.asked.raw_path} {order}"
    return Page(
        call=call,
        offset=min(abs(query.offset), _MOST),
        limit=limit,
        paged=paged,
        after=opened_key(secret, of, query.after) if query.after else None,
        secret=secret,
        about=of,
    )


def link(call: Call, secret: bytes, about: str, last: Key, **place: int) -> str:
    """Return the URL of what follows the item whose key is `last`, at the host that was asked.

    `about`: the list that it is good for. `place`: what the URL says besides, as numbers.
    """
    asked = call.asked
    kept = [
        (name, it)
        for name, found in asked.fields.items()
        if name not in place and name != "after"
        for it in found
    ]
    after = sealed(secret, about, json.dumps(last).encode())
    query = urlencode([*kept, *place.items(), ("after", after)])
    return f"{asked.origin}{asked.raw_path}?{query}"


def opened_key(secret: bytes, about: str, after: str) -> Key:
    """Return the key that the `after` of a `link` holds.

    Raises:
        Invalid: it is none that this list has given.
    """
    found = opened(secret, about, after)
    if found is None:
        raise Invalid("bad-query", field="after")
    return tuple(json.loads(found))


def _dumped(items: Items | Mapping[str, Any]) -> bytes:
    return dumped(items) if isinstance(items, Mapping) else all_dumped(items)
