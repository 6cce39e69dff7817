"""Wheel: sockets and who is called when one of them has something; less in the way than asyncio.

One thread is all the load and everything behind the proxies, and must cost less than what it
measures.
"""

import select
import socket
import time
from collections.abc import Callable

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
Act = Callable[[], None]


class Wheel:
    """Turns for a while, or until something is so."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._acts: dict[int, Act] = {}
        self._socks: dict[int, socket.socket] = {}

    def watch(self, sock: socket.socket, act: Act, events: int = READ) -> None:
        """Call `act` whenever `sock` is ready; in the place of what was called before."""
        number = sock.fileno()
        known = number in self._acts
        self._acts[number], self._socks[number] = act, sock
        (self._poll.modify if known else self._poll.register)(number, events)

    def close(self, sock: socket.socket) -> None:
        """Close `sock`, and call nobody any more."""
        if self._acts.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock)
        sock.close()

    def end(self) -> None:
        """Close all."""
        for number, sock in list(self._socks.items()):
            if number in self._acts:
                self.close(sock)
        self._poll.close()

    def turn(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Call whoever is to be called, for so long or `until` it is so."""
        acts, poll, now = self._acts, self._poll.poll, time.perf_counter
        end = now() + seconds
        while (left := end - now()) > 0 and not (until and until()):
            for number, _ in poll(min(left, 0.1)):
                act = acts.get(number)
                if act is not None:  # else it was closed by one before it
                    act()


def connected(port: int) -> socket.socket:
    """Return a connection; on the loopback the kernel makes it at once, whoever accepts it."""
    sock = socket.create_connection(("127.0.0.1", port), 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(0)
    return sock
