"""Lists a page at a time, as JupyterHub's clients ask for them (hub.md 2.5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from perijove.core.about import About
from perijove.http.body import all_dumped, dumped
from perijove.http.route import Call, Items, Reply

_PAGED = "application/jupyterhub-pagination+json"
_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    offset: int
    limit: int
    paged: bool
    """With its place in the list around it."""


def asked(
    call: Call, about: About, offset: int, limit: int | None, *, always: bool = False
) -> Page:
    """Return the page that a request asks for; `offset` and `limit` are its own.

    `always`: its place in the list is told, whatever the request accepts.
    """
    paged = always or _PAGED in call.asked.given.get("accept", "")
    default = about.page_limit if paged else about.page_most
    most = min(abs(default if limit is None else limit) or default, about.page_most)
    return Page(min(abs(offset), _MOST), most, paged)


def reply(call: Call, page: Page, items: Items | Mapping[str, Any], total: int) -> Reply:
    """Return the items of a page, of `total` altogether."""
    if not page.paged:
        return Reply(200, items)
    after = page.offset + page.limit
    link = {"offset": after, "limit": page.limit, "url": _next(call, after, page.limit)}
    here = {"offset": page.offset, "limit": page.limit, "total": total}
    place = json.dumps({**here, "next": link if after < total else None}).encode()
    return Reply(200, b'{"items":' + _dumped(items) + b',"_pagination":' + place + b"}")


def _dumped(items: Items | Mapping[str, Any]) -> bytes:
    return dumped(items) if isinstance(items, Mapping) else all_dumped(items)


def _next(call: Call, offset: int, limit: int) -> str:
    asked = call.asked
    rest = [(name, it) for name, found in asked.fields.items() for it in found]
    kept = [(name, it) for name, it in rest if name not in {"offset", "limit"}]
    query = urlencode([*kept, ("offset", offset), ("limit", limit)])
    return f"{asked.site}{asked.raw_path}?{query}"
