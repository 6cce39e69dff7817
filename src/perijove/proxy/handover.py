"""Handover: a new process takes the listeners of this one, so that no connection is refused.

The new one is started with the same arguments; it finds the listeners, and what it must know,
in descriptors that the environment names. Only when it serves does the old one stop listening.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from socket import socket
from typing import Any

_HANDED = "PERIJOVE_HANDED_OVER"
_SECONDS = 30.0


class Handover:
    """What this process was handed, and what it can hand on."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        given = json.loads(environment.pop(_HANDED, "{}"))
        self._listeners: dict[str, list[int]] = given.get("listeners", {})
        self.lead: Mapping[str, int] | None = given.get("lead")
        """How this process hears from the one beside which it serves (proxy.worker), if any."""
        self._ready: int | None = given.get("ready")
        self._known: int | None = given.get("known")
        self._mine: dict[str, list[int]] = {}
        self._next: int | None = None
        """The process that is being started."""
        self.over = False
        """Whether another process has taken the place of this one."""

    def inherited(self, place: str) -> list[socket]:
        """Return the sockets that listen at `place` already, if this process was handed any."""
        return [socket(fileno=it) for it in self._listeners.pop(place, ())]

    def keep(self, place: str, sockets: Iterable[socket]) -> None:
        """Remember what listens at `place`, to hand it on."""
        self._mine[place] = [os.dup(it.fileno()) for it in sockets]

    def kept(self, place: str) -> list[int]:
        """Return the descriptors of what listens at `place`."""
        return self._mine[place]

    def known(self) -> bytes:
        """Return what the process before this one has told; empty: there was none."""
        if self._known is None:
            return b""
        with os.fdopen(self._known, "rb") as told:
            told.seek(0)
            self._known = None
            return told.read()

    def serving(self) -> None:
        """Tell the process before this one, if there was one, that it can go."""
        for left in self._listeners.values():  # a place that the options no longer name
            for descriptor in left:
                os.close(descriptor)
        self._listeners.clear()
        if self._known is not None:
            os.close(self._known)
            self._known = None
        if self._ready is not None:
            with suppress(BrokenPipeError):  # it was killed: this one is all there is
                os.write(self._ready, b".")
            os.close(self._ready)
            self._ready = None

    async def hand_on(self, known: bytes) -> bool:
        """Start another process with the listeners and `known`; return whether it serves."""
        try:
            hear, tell = os.pipe()
        except OSError:
            return False
        try:
            try:
                self._next = self._start(tell, known)
            finally:
                os.close(tell)
            self.over = await _said(hear) and self._next is not None
        except OSError:  # no more processes, or descriptors
            self.over = False
        finally:
            os.close(hear)
        if not self.over:
            self._give_up()
        return self.over

    def _start(self, tell: int, known: bytes) -> int:
        """Start this program again; return its process id."""
        with os.fdopen(os.memfd_create("known"), "wb") as told:
            told.write(known)
            told.flush()
            mine = (it for some in self._mine.values() for it in some)
            given = {"listeners": self._mine, "ready": tell, "known": told.fileno()}
            return another(given, tell, told.fileno(), *mine)

    def _give_up(self) -> None:
        """End the process that was to come, if there is one."""
        process, self._next = self._next, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def close(self) -> None:
        """Let go of what was kept to be handed on; who ends now wants no other to come up."""
        if not self.over:
            self._give_up()
        for some in self._mine.values():
            for descriptor in some:
                os.close(descriptor)
        self._mine.clear()


def is_worker() -> bool:
    """Return whether this process was started to serve beside another."""
    return "lead" in json.loads(os.environ.get(_HANDED, "{}"))


def another(given: Mapping[str, Any], *descriptors: int) -> int:
    """Start this program again, with `given` and these descriptors; return its process id.

    Raises:
        OSError: it cannot be started.
    """
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - it takes no names
        environment = {**os.environ, _HANDED: json.dumps(given)}
        return os.posix_spawn(sys.executable, sys.orig_argv, environment)
    finally:
        for descriptor in descriptors:  # or whatever else is started has them too
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - likewise


async def _said(hear: int) -> bool:
    """Return whether the new process says that it serves; it does not if it ends or hangs."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bool] = loop.create_future()

    def hark() -> None:
        if not heard.done():
            heard.set_result(bool(os.read(hear, 1)))

    loop.add_reader(hear, hark)
    try:
        async with asyncio.timeout(_SECONDS):
            return await heard
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(hear)
