"""Channel: what two processes of one proxy tell each other, as lines of JSON over a socket."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Any

_READ = 262_144


class Channel:
    """One end. What is told is with the other side when `tell` returns, unless that is slow.

    `heard` is called with whatever comes, `closed` once nobody is at the other end any more.
    """

    def __init__(
        self, end: socket, heard: Callable[[Any], None], closed: Callable[[], None]
    ) -> None:
        self._socket = end
        end.settimeout(0)
        self._heard = heard
        self._closed = closed
        self._unsent = bytearray()
        self._line = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self.read)

    @property
    def unsent(self) -> int:
        """Bytes that the other side has not taken yet."""
        return len(self._unsent)

    def tell(self, what: Any) -> None:
        """Tell the other side, now or as soon as it takes it; nobody, if it is gone."""
        if self._socket.fileno() < 0:
            return
        line = json.dumps(what).encode() + b"\n"
        if not self._unsent:
            line = line[self._send(line) :]
            if line:
                self._loop.add_writer(self._socket, self._go_on)
        self._unsent += line

    def read(self) -> None:
        """Take what has come."""
        while True:
            try:
                piece = self._socket.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            if not piece:
                self.close()
                self._closed()
                return
            *lines, rest = piece.split(b"\n")
            for line in lines:
                whole = self._line + line
                self._line.clear()
                self._heard(json.loads(whole))
            self._line += rest

    def close(self) -> None:
        """Tell and hear no more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _send(self, data: bytes | bytearray) -> int:
        with suppress(OSError):  # it is full; or nobody is there, as `read` finds
            return self._socket.send(data)
        return 0

    def _go_on(self) -> None:
        del self._unsent[: self._send(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._socket)
