"""A small HTTP client that leaves the shared processors to whom we measure."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any


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
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: token {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n"
        )
        try:
            if self._idle:
                reader, writer = self._idle.pop()
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(head.encode() + text)
            status, answer = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return 0, b""
        self._idle.append((reader, writer))
        return status, answer

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


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if headers.get("transfer-encoding") == "chunked":
        return status, await _chunks(reader)
    length = int(headers.get("content-length", "0"))
    return status, await reader.readexactly(length) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size + 2)
    await reader.readline()
    return body
