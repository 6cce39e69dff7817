"""Orders: what people (Ctrl-C, SIGTERM) and the kernel (a part has ended) say to a supervisor."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Orders:
    """Counts the requests to stop, and wakes whoever waits."""

    def __init__(self) -> None:
        self.asked = 0
        self._awake, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def stop(self) -> bool:
        """Return whether somebody has asked to stop."""
        return self.asked > 0

    @property
    def hurry(self) -> bool:
        """Return whether somebody has asked twice."""
        return self.asked > 1

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear them while the block runs."""
        before = {order: signal.getsignal(order) for order in (*_STOP, signal.SIGCHLD)}
        for order in _STOP:
            if before[order] is not signal.SIG_IGN:  # nohup(1)
                signal.signal(order, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for order, handler in before.items():
                signal.signal(order, handler)

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until the next signal."""
        select.select([self._awake], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            os.read(self._awake, 4096)

    def _stop(self, _order: int, _frame: FrameType | None) -> None:
        self.asked += 1
