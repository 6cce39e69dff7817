"""Gathered: uvicorn's protocol, which writes the head and the body of an answer at once.

Two writes are two system calls, which cost more than all else about a short answer.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _Transport:
    """A transport that keeps what it is given until the event loop comes round."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._to, self._loop = transport, loop
        self._kept: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._kept:
            self._loop.call_soon(self._flush)
        self._kept.append(data)

    def close(self) -> None:
        self._flush()
        self._to.close()

    def _flush(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, []
            self._to.write(b"".join(kept))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


class Gathered(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Write through a transport that gathers."""
        super().connection_made(_Transport(transport, self.loop))  # type: ignore[arg-type]
