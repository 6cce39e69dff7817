"""Listing: a page of a list, read one object at a time so that the event loop never stalls.

The JSON parser of Python holds the interpreter for as long as it runs, in a thread too: a page
of 500 pods takes it 20 ms and more. So an object is parsed, made small and let go, and now and
then others get their turn.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any, TypeAlias

from perijove.spawners.kubernetes.errors import Unreachable

Object: TypeAlias = dict[str, Any]
Trim: TypeAlias = Callable[[Object], Object | None]
"""Keeps of an object what is of use; None is: nothing at all."""

TURN = 0.001
"""Seconds that one turn of the loop may take."""
_WHITESPACE = re.compile(r"[ \t\n\r]*+")
_raw = json.JSONDecoder().raw_decode


class Listing:
    """All objects of a list, page by page; `version` is where to watch from, once it is read."""

    def __init__(self, page: Callable[[str], Awaitable[bytes]], trim: Trim | None) -> None:
        """Begin; `page` returns the page that goes on from a token, '' is the first."""
        self.version = ""
        self._page = page
        self._trim = trim

    async def __aiter__(self) -> AsyncIterator[Object]:
        """Yield what is of use of each object.

        Raises:
            ClusterError: as the API server says; Expired when it took too long.
        """
        token: str | None = ""
        while token is not None:
            body = await self._page(token)
            await asyncio.sleep(0)
            token = None
            until = perf_counter() + TURN
            try:
                for key, value in _members(body.decode()):
                    if key == "metadata":
                        self.version = str(value.get("resourceVersion") or "")
                        token = value.get("continue") or None
                    elif key is None and (kept := self._trim(value) if self._trim else value):
                        yield kept
                    if perf_counter() > until:
                        await asyncio.sleep(0)
                        until = perf_counter() + TURN
            except (ValueError, AttributeError) as error:
                raise Unreachable("the answer is not a list") from error


def _members(text: str) -> Iterator[tuple[str | None, Any]]:
    """Yield each member of the object `text`; those of `items` one by one, with None."""
    at = _after(text, 0, "{")
    while text[at : at + 1] != "}":
        key, at = _raw(text, at)
        at = _after(text, at, ":")
        if key == "items" and text[at : at + 1] == "[":
            at = _after(text, at, "[")
            while text[at : at + 1] != "]":
                item, at = _raw(text, at)
                yield None, item
                at = _on(text, at, "]")
            at = _space(text, at + 1)
        else:
            value, at = _raw(text, at)
            yield key, value
        at = _on(text, at, "}")


def _space(text: str, at: int) -> int:
    found = _WHITESPACE.match(text, at)
    return found.end() if found else at


def _after(text: str, at: int, sign: str) -> int:
    """Return where to go on behind `sign`, which must stand at `at`."""
    at = _space(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"no {sign} at {at}")
    return _space(text, at + 1)


def _on(text: str, at: int, end: str) -> int:
    """Return where the next member stands, or `end`."""
    at = _space(text, at)
    return at if text[at : at + 1] == end else _after(text, at, ",")
