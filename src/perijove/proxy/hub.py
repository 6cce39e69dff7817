"""Hub: the few things the proxy asks of the hub, on one kept connection each."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httptools

_CONNECT_SECONDS = 5.0
_MOST_BYTES = 64 * 1024 * 1024
_READ = 65_536


class HubAway(Exception):
    """The hub did not answer, or not in a way that helps; says why."""


@dataclass(slots=True)
class Answer:
    """A whole response."""

    status: int = 0
    fields: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Return the body as JSON, or raise HubAway."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise HubAway("the answer is not JSON") from error


class _Reading:
    """Collects one response."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.complete = False
        self._parts: list[bytes] = []
        self._size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answer.fields[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _MOST_BYTES:
            raise HubAway("the answer is too large")
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self.answer.body = b"".join(self._parts)
        self.complete = True


class HubAddress:
    """`http://host:port[/base]`, and the paths below it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("the hub's address is http://host:port, with a base path or none")
        self.host = parts.hostname
        self.port = parts.port or 80
        self.base = parts.path.rstrip("/") + "/"
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.origin = f"http://{host}:{self.port}"

    def path(self, below: str) -> str:
        """Return the path of `below`, which is relative to the hub's prefix."""
        return f"{self.base}hub/{below}"


class HubLine:
    """One connection to the hub, made when needed and kept; one request at a time."""

    def __init__(self, address: HubAddress, token_file: Path | None = None) -> None:
        self._address = address
        self._token_file = token_file
        self._token = ""
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

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
        head = await self._head(method, below, body, fields or {})
        try:
            async with asyncio.timeout(seconds):
                if self._open is not None:
                    try:
                        return await self._exchange(head + body)
                    except (OSError, EOFError):
                        self.close()  # kept too long; a new one says more
                return await self._exchange(head + body)
        except (OSError, EOFError, httptools.HttpParserError) as error:
            self.close()
            raise HubAway(type(error).__name__) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    async def forget_token(self) -> None:
        """Read the token again next time: it may have been changed."""
        self._token = ""

    async def _head(self, method: str, below: str, body: bytes, more: Mapping[str, str]) -> bytes:
        fields = {"Host": f"{self._address.host}:{self._address.port}", **more}
        if self._token_file is not None:
            if not self._token:
                text = await asyncio.to_thread(self._token_file.read_text)
                self._token = text.strip()
            fields["Authorization"] = f"token {self._token}"
        if body:
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} {self._address.path(below)} HTTP/1.1\r\n{lines}\r\n".encode()

    async def _exchange(self, request: bytes) -> Answer:
        if self._open is None:
            async with asyncio.timeout(_CONNECT_SECONDS):
                self._open = await asyncio.open_connection(self._address.host, self._address.port)
        reader, writer = self._open
        writer.write(request)
        await writer.drain()
        reading = _Reading()
        parser = httptools.HttpResponseParser(reading)
        while not reading.complete:
            data = await reader.read(_READ)
            if not data:
                raise EOFError
            parser.feed_data(data)
        reading.answer.status = parser.get_status_code()
        if not parser.should_keep_alive():
            self.close()
        return reading.answer
