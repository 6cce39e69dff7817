"""Worker: a process that serves beside the one that leads, and knows what that one knows.

Before a request is led on, one number in memory that both processes see says whether a route has
changed since this process last heard: what the lead has answered for is so in all of them.
"""

import asyncio
import mmap
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from socket import socket
from typing import Any

from perijove.kit.tasks import in_background
from perijove.proxy.channel import Channel
from perijove.proxy.edge import Edge
from perijove.proxy.running import Closing, Swept, settled, sweeping
from perijove.proxy.tree import Route, Tree

_TELL_SECONDS = 1.0
_WAIT_SECONDS = 30.0


class Number:
    """A number in the memory of several processes; one of them raises it."""

    def __init__(self, descriptor: int) -> None:
        self._shared = mmap.mmap(descriptor, mmap.PAGESIZE)
        self.seen = memoryview(self._shared).cast("Q")
        """Of which the first is meant: reading it is all that a request costs."""

    @classmethod
    def made(cls) -> "tuple[int, Number]":
        """Return a new one, zero, and the descriptor by which another process finds it."""
        descriptor = os.memfd_create("number")
        os.truncate(descriptor, mmap.PAGESIZE)
        return descriptor, cls(descriptor)


class Mirror(Tree):
    """The routes as the lead has them."""

    def __init__(self, lead: Mapping[str, int], *, by_host: bool = False) -> None:
        super().__init__(by_host=by_host)
        self._number = Number(lead["number"]).seen
        os.close(lead["number"])
        self._known = -1
        self._first = asyncio.Event()
        self._end = asyncio.get_running_loop().create_future()
        self._channel = Channel(socket(fileno=lead["channel"]), self._hear, self._lost)
        self.reload: Callable[[], None] | None = None
        """Called when files are to be read, or opened, again."""

    def match(self, path: bytes, host: bytes = b"") -> Route | None:
        """Return the route, as the lead knows it at this moment."""
        if self._number[0] != self._known:
            self._channel.read()
        return super().match(path, host)

    async def there(self) -> None:
        """Wait until all routes are here.

        Raises:
            TimeoutError: they do not come.
        """
        async with asyncio.timeout(_WAIT_SECONDS):
            await self._first.wait()

    async def end(self) -> tuple[float, bool]:
        """Wait until this process is to end; return the seconds for it, and whether patiently."""
        seconds, patient = await self._end
        return seconds, patient

    def leave(self, seconds: float) -> None:
        """End within `seconds`, although the lead has said nothing."""
        if not self._end.done():
            self._end.set_result((seconds, False))

    async def telling(self, edge: Edge) -> None:
        """Tell the lead every second what was done, until cancelled."""
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            self.tell(edge)

    def tell(self, edge: Edge) -> None:
        """Tell the lead what was done, and what was used."""
        used = [(it.path.decode("latin-1"), it.used) for it in self.each() if it.used > it.told]
        for route in self.each():
            route.told = route.used
        self._channel.tell({"used": used, "counts": edge.counted().told()})

    def _hear(self, told: Any) -> None:
        for path, prefix, target in told.get("routes", ()):
            self._lead(path.encode("latin-1"), prefix, target)
        if "number" in told:
            self._known = told["number"]
            self._first.set()
        if told.get("reload") and self.reload is not None:
            self.reload()
        if "end" in told and not self._end.done():
            self._end.set_result((told["end"], told["patient"]))

    def _lead(self, path: bytes, prefix: str, target: str | None) -> None:
        known = self.at(path)
        if target is None:
            if known is not None:
                self.cut(path, known)
        elif known is None:
            self.put(path, Route(prefix, self.target(target)))
        else:  # the same object: WebSockets that are open say that it is used
            known.prefix = prefix
            self.turn(known, self.target(target))

    def _lost(self) -> None:
        """End now: nobody tells of routes any more, and a new lead wants to listen."""
        self.leave(0.0)


async def work(
    mirror: Mirror,
    edge: Edge,
    listens: AbstractAsyncContextManager[Closing],
    *parts: Swept,
    drain: float,
) -> None:
    """Serve until the lead says to end, or is gone, or SIGTERM or SIGINT comes to all.

    Raises:
        TimeoutError: the lead tells no routes.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        edge.loop.add_signal_handler(number, mirror.leave, drain)
    for number in (signal.SIGHUP, signal.SIGUSR2):  # the lead hears them too, and says what to do
        signal.signal(number, signal.SIG_IGN)
    await mirror.there()
    async with listens as close:
        settled()
        mirror.tell(edge)
        async with in_background(sweeping(edge, *parts), mirror.telling(edge)):
            seconds, patient = await mirror.end()
            close()
            await edge.drain(seconds, patient=patient)
            mirror.tell(edge)
