"""Running: what every proxy process does, whichever command line it has."""

import asyncio
import errno
import gc
import os
import resource
import signal
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_SWEEP_SECONDS = 1.0
_SPARE_DESCRIPTORS = 64


class CannotServe(Exception):
    """Says in one sentence why the proxy does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen: `socket`, or a port of an address ('': of all)."""

    ip: str = ""
    port: int = 0
    socket: Path | None = None
    option: str = "--port"
    """Which option chooses another."""

    def __str__(self) -> str:
        """Return it as people write it."""
        return str(self.socket) if self.socket else f"{self.ip or '*'}:{self.port}"


class Swept(Protocol):
    """What looks at the clock every second."""

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long."""


def most_visitors() -> int:
    """Return how many connections this process can have, after raising its limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    # a visitor has an upstream too; the rest is for the hub, the disk and the listener
    return max(16, (soft - _SPARE_DESCRIPTORS) // 2)


@asynccontextmanager
async def listening(
    place: Place, make: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
) -> AsyncIterator[asyncio.Server]:
    """Listen meanwhile.

    Raises:
        CannotServe: somebody else listens there, or nobody may.
    """
    loop = asyncio.get_running_loop()
    try:
        if place.socket is not None:
            _forget_old(place.socket)
            server = await loop.create_unix_server(make, place.socket, backlog=4096, ssl=tls)
        else:
            server = await loop.create_server(
                make, place.ip or None, place.port, backlog=4096, ssl=tls
            )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Another program listens on {place}; choose another {place.option}."
        else:
            sentence = f"Cannot listen on {place}: {error.strerror}."
        raise CannotServe(sentence) from error
    try:
        yield server
    finally:
        server.close()
        if place.socket is not None:
            place.socket.unlink(missing_ok=True)


@contextmanager
def pid_file(path: Path | None) -> Iterator[None]:
    """Have the process id in `path` meanwhile.

    Raises:
        CannotServe: it cannot be written.
    """
    if path is not None:
        try:
            path.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise CannotServe(f"Cannot write --pid-file {path}: {error.strerror}.") from error
    try:
        yield
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def settled() -> None:
    """Leave what is there for good out of every collection of garbage to come."""
    gc.collect()
    gc.freeze()


async def sweeping(*parts: Swept) -> None:
    """Have `parts` look at the clock every second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        now = loop.time()
        for part in parts:
            part.sweep(now)


async def told_to_end() -> signal.Signals:
    """Wait for SIGTERM or SIGINT; return which."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[signal.Signals] = loop.create_future()

    def hear(number: signal.Signals) -> None:
        if not told.done():
            told.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear, number)
    return await told


def _forget_old(path: Path) -> None:
    """Remove a socket that a process which is no more has left; nothing else is removed.

    Raises:
        OSError: another process listens there.
    """
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        path.unlink()
