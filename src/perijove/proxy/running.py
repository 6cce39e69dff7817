"""Running: what every proxy process does, whichever command line it has."""

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from perijove.kit.terminal import Terminal
from perijove.proxy.crowd import SPARE_VISITORS
from perijove.proxy.handover import Handover

logger = logging.getLogger(__name__)
_SWEEP_SECONDS = 1.0
_SPARE_DESCRIPTORS = 64
_LARGEST_READ = 1 << 20
_BACKLOG = 4096
_HANDSHAKE = 10.0
"""Seconds in which TLS must be agreed."""
_EVERYWHERE = frozenset(("", "*", "::"))
"""Node.js takes the last for IPv4 as well, and who writes it means everywhere."""
Closing: TypeAlias = Callable[[], None]
"""Ends listening; connections that are open stay."""


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
    lasts: bool = False
    """Whether it is open until the end, to tell how that goes."""

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
    # a visitor has an upstream too; the rest is for those who are turned away, the hub and the disk
    turned = min(SPARE_VISITORS, soft // 8)
    return max(16, (soft - _SPARE_DESCRIPTORS - turned) // 2)


@asynccontextmanager
async def listening(
    place: Place,
    make: Callable[[], asyncio.Protocol],
    handover: Handover,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Closing]:
    """Listen meanwhile; where another process of ours has listened, with its sockets.

    Raises:
        CannotServe: somebody else listens there, or nobody may.
    """
    try:
        servers = await _servers(place, make, handover, tls)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Another program listens on {place}; choose another {place.option}."
        else:
            sentence = f"Cannot listen on {place}: {error.strerror}."
        raise CannotServe(sentence) from error
    sockets = [it for server in servers for it in server.sockets]
    for it in sockets:  # connections have it from here: those of clients that are no more end
        it.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    handover.keep(str(place), sockets)
    open_ = list(servers)

    def close() -> None:
        leads = handover.lead is None and not handover.over
        if open_ and place.socket is not None and leads:
            place.socket.unlink(missing_ok=True)  # now: later it is that of whoever comes next
        while open_:
            open_.pop().close()

    try:
        yield close
    finally:
        close()


async def _servers(
    place: Place,
    make: Callable[[], asyncio.Protocol],
    handover: Handover,
    tls: ssl.SSLContext | None,
) -> list[asyncio.Server]:
    loop = asyncio.get_running_loop()
    inherited = handover.inherited(str(place))
    secure: dict[str, Any] = {"ssl": tls, "ssl_handshake_timeout": _HANDSHAKE} if tls else {}
    if place.socket is not None:
        if inherited:
            return [await loop.create_unix_server(make, sock=it, **secure) for it in inherited]
        _forget_old(place.socket)
        return [await loop.create_unix_server(make, place.socket, backlog=_BACKLOG, **secure)]
    if inherited:
        return [await loop.create_server(make, sock=it, **secure) for it in inherited]
    if place.ip in _EVERYWHERE:
        return [await loop.create_server(make, None, place.port, backlog=_BACKLOG, **secure)]
    return await _by_name(place, make, secure)


async def _by_name(
    place: Place, make: Callable[[], asyncio.Protocol], secure: dict[str, Any]
) -> list[asyncio.Server]:
    """Listen on every address of a name that this machine has just now."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(place.ip, place.port, type=socket.SOCK_STREAM)
    servers, absent = list[asyncio.Server](), OSError(errno.EADDRNOTAVAIL, "no such address")
    for ip in dict.fromkeys(str(address[0]) for *_, address in found):
        try:
            server = await loop.create_server(make, ip, place.port, backlog=_BACKLOG, **secure)
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                raise
            absent = error
        else:
            servers.append(server)
    if not servers:
        raise absent
    return servers


class PidFile:
    """The file that names the process which serves; None: there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self) -> None:
        """Name this process.

        Raises:
            CannotServe: it cannot be written.
        """
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text(f"{os.getpid()}\n")
            fresh.rename(self._path)
        except OSError as error:
            sentence = f"Cannot write --pid-file {self._path}: {error.strerror}."
            raise CannotServe(sentence) from error

    @contextmanager
    def kept(self, handover: Handover) -> Iterator[None]:
        """Have it meanwhile; whoever takes the place of this process writes its own."""
        self.write()
        try:
            yield
        finally:
            if self._path is not None and not handover.over and self._is_mine(self._path):
                self._path.unlink(missing_ok=True)

    @staticmethod
    def _is_mine(path: Path) -> bool:
        """Return whether no other process has written it since."""
        with suppress(OSError):
            return path.read_text() == f"{os.getpid()}\n"
        return False


def settled() -> None:
    """Leave what is there for good out of every collection of garbage to come."""
    gc.collect()
    gc.freeze()
    # glibc maps what is larger than the largest piece it has unmapped, at first 128 KiB: reading
    # by TLS, uvloop asks for 256 KiB each time and cuts them, four system calls for a request.
    bytes(_LARGEST_READ)


async def sweeping(*parts: Swept) -> None:
    """Have `parts` look at the clock every second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        now = loop.time()
        for part in parts:
            part.sweep(now)


class Signals:
    """What signals say."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[str] = self._loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._hear, number.name)

    def on(self, number: signal.Signals, act: Callable[[], None]) -> None:
        """Do it whenever the signal comes."""
        self._loop.add_signal_handler(number, act)

    def on_hang_up(self, act: Callable[[], None]) -> None:
        """Do it on SIGHUP; a terminal that closes means the end, unless nohup(1) was used."""
        stays, terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, Terminal()

        def heard() -> None:
            if not terminal.gone():
                act()
            elif not stays:
                self._hear("SIGHUP")

        self.on(signal.SIGHUP, heard)

    def replaced(self) -> None:
        """End, because another process serves in the place of this one."""
        self._hear("replaced")

    async def end(self) -> str:
        """Wait until this process is to end; return why."""
        return await self._end

    def _hear(self, why: str) -> None:
        if not self._end.done():
            self._end.set_result(why)


def replacing(
    replace: Callable[[], Awaitable[bool]], told: Signals, pid_file: PidFile
) -> Callable[[], None]:
    """Return what has another process take the place of this one, once at a time."""
    running = set[asyncio.Future[None]]()

    async def act() -> None:
        if await replace():
            told.replaced()
            return
        logger.error("the new process did not come up; this one goes on")
        try:
            pid_file.write()  # the other may have named itself before it ended
        except CannotServe as problem:
            logger.error("%s", problem)  # noqa: TRY400 - a sentence, no fault of ours

    def begin() -> None:
        if not running:
            task = asyncio.ensure_future(act())
            running.add(task)
            task.add_done_callback(running.discard)

    return begin


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
