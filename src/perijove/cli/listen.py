"""Serve an ASGI application on one socket until SIGTERM, gracefully."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from perijove.cli.trouble import Trouble
from perijove.http.gathered import Gathered

_GRACE = 2
"""Seconds that open answers get; a long poll or a stream simply begins again elsewhere."""
_BACKLOG = 4096
_KEEP_ALIVE = 75
_TICK = 1.0


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again after its end.

    Its main loop wakes up once a second to renew the date, and at once to end.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Begin to end."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Run until the end; uvicorn's own wakes up ten times a second to look for it."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._ending.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        Trouble: it cannot.
    """
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except OSError as error:
        raise Trouble(
            f"Cannot listen on port {port} ({error.strerror}): another program has it."
        ) from None


def _websocket(**given: object) -> asyncio.Protocol:
    """Return what speaks WebSocket: `doctor` alone asks for it, so it is loaded that late."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import (  # noqa: PLC0415
        WebSocketsSansIOProtocol,
    )

    return WebSocketsSansIOProtocol(**given)  # type: ignore[arg-type]


class End:
    """Ends the process as SIGTERM does; may be called from a request."""

    def __init__(self) -> None:
        self.server: _Server | None = None

    def __call__(self) -> None:
        """Begin to end."""
        if self.server is not None:
            self.server.end()


def _news(record: logging.LogRecord) -> bool:
    """Return whether it is news: a long poll that is cut at the end is not."""
    cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut and not str(record.msg).startswith("Cancel %s running task")


async def serve(app: object, where: socket.socket, end: End) -> None:
    """Answer on `where` until SIGTERM, SIGINT or `end`; then finish what is open, in seconds."""
    end.server = _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            loop="none",
            http=Gathered,
            ws=_websocket,  # type: ignore[arg-type]
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            backlog=_BACKLOG,
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_news)
    loop = asyncio.get_running_loop()
    for order in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(order, end)
    await end.server.serve(sockets=[where])
    if cut := end.server.server_state.tasks:
        await asyncio.wait(cut, timeout=_GRACE)  # each leaves its entry of the audit log
