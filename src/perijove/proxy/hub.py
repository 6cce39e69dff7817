"""Hub: the few things the proxy asks of the hub, on one kept connection each."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perijove.kit.exchange import request
from perijove.kit.origin import Connections, Origin

_CONNECT_SECONDS = 5.0
_KEPT = 60.0
_MOST_BYTES = 64 * 1024 * 1024


class HubAway(Exception):
    """The hub did not answer, or not in a way that helps; says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    kind: str
    """Its Content-Type; '' if it says none."""
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or raise HubAway."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise HubAway("the answer is not JSON") from error


class HubAddress:
    """`http://host:port[/base]`, and the paths below it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("the hub's address is http://host:port, with a base path or none")
        self.place = Origin.of(url)
        self.base = parts.path.rstrip("/") + "/"
        self.origin = f"http://{self.place.netloc}"

    def path(self, below: str) -> str:
        """Return the path of `below`, which is relative to the hub's prefix."""
        return f"{self.base}hub/{below}"


class HubLine:
    """One connection to the hub, made when needed and kept; one request at a time."""

    def __init__(self, address: HubAddress, token_file: Path | None = None) -> None:
        self._address = address
        self._token_file = token_file
        self._token = ""
        self._kept = Connections(address.place, limit=1, connect=_CONNECT_SECONDS, keep=_KEPT)

    async def ask(
        self,
        method: str,
        below: str,
        *,
        seconds: float,
        body: bytes = b"",
        fields: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the hub's answer.

        Raises:
            HubAway: there is none. The connection is closed then.
        """
        target = self._address.path(below)
        try:
            more = await self._fields(fields or {}, body)
            whole = request(method, target, more, body or None)
            # Sent twice it says no more than once: routes are asked for, times go only forward.
            async with asyncio.timeout(seconds), self._kept.answer(whole, again=True) as answer:
                kind = answer.field(b"content-type") or ""
                return Answer(answer.status, kind, await answer.rest(_MOST_BYTES))
        except (OSError, ValueError) as error:
            raise HubAway(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._kept.close()

    async def forget_token(self) -> None:
        """Read the token again next time: it may have been changed."""
        self._token = ""

    async def _fields(self, more: Mapping[str, str], body: bytes) -> dict[str, str]:
        fields = {"Host": self._address.place.authority, **more}
        if self._token_file is not None:
            if not self._token:
                text = await asyncio.to_thread(self._token_file.read_text)
                self._token = text.strip()
            fields["Authorization"] = f"token {self._token}"
        if body:
            fields["Content-Type"] = "application/json"
        return fields
