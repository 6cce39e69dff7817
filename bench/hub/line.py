"""A line to a database some way off: `python -m bench.hub.line <port> <to port> <ms>`.

What goes one way arrives half of `ms` later, so that one round trip takes `ms` more. Threads, for
an event loop wakes up by whole milliseconds.
"""

import queue
import socket
import sys
import threading
import time

_MOST = 1 << 16


def carry(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Carry bytes one way until the source ends."""
    waiting = queue.SimpleQueue[tuple[float, bytes]]()

    def deliver() -> None:
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))  # noqa: TID251 - a thread's
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    threading.Thread(target=deliver, daemon=True).start()
    while data := source.recv(_MOST):
        waiting.put((time.monotonic() + delay, data))
    waiting.put((time.monotonic() + delay, b""))


def main(port: int, to: int, delay: float) -> None:
    """Listen until killed."""
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        while True:
            here, _ = listener.accept()
            there = socket.create_connection(("127.0.0.1", to))
            for each in (here, there):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for ends in ((here, there), (there, here)):
                threading.Thread(target=carry, args=(*ends, delay), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 2e3)
