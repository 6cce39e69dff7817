"""A small HTTP client that leaves the shared processors to whom we measure."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `cookies` as a browser sends them again."""

    status: int
    body: bytes
    cookies: str
    location: str = ""


@dataclass(slots=True)
class Client:
    """Keeps as many connections as were needed at once."""

    port: int
    token: str
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    )

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Return status and body; 0 where the connection broke."""
        text = b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        try:
            answer = await self.exchange(method, path, given, text)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return 0, b""
        return answer.status, answer.body

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], text: bytes = b""
    ) -> "Answer":
        """Send one request as it stands; return what comes back.

        Raises:
            OSError: the connection broke.
            asyncio.IncompleteReadError: it ended in the middle.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(text)}", "", ""]
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join(lines).encode() + text)
        answer = await _answer(reader)
        self._idle.append((reader, writer))
        return answer

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a request that must succeed."""
        status, answer = await self.ask(method, path, body)
        if not 200 <= status < 300:  # noqa: PLR2004 - what success is
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer) if answer else None

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    headers = dict(pairs)
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    else:
        length = int(headers.get("content-length", "0"))
        body = await reader.readexactly(length) if length else b""
    cookies = [value.partition(";")[0] for name, value in pairs if name == "set-cookie"]
    status = int(first.split(" ", 2)[1])
    return Answer(status, body, "; ".join(cookies), headers.get("location", ""))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size + 2)
    await reader.readline()
    return body
