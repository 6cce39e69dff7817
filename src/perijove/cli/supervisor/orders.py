"""Orders: what people (Ctrl-C, SIGTERM, SIGHUP) and the kernel say to a supervisor."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from perijove.kit.terminal import Terminal

_STOP = (signal.SIGINT, signal.SIGTERM)
_HEARD = (*_STOP, signal.SIGHUP, signal.SIGCHLD)


class Orders:
    """Counts the requests to stop, and wakes whoever waits.

    SIGHUP asks for a reload; that of a terminal that closes is a request to stop, unless
    nohup(1) was asked not to mind it.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.reload = False
        """Somebody has asked for a reload; whoever sees to it takes this back."""
        self._terminal = Terminal()
        self._stays = False
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
        before = {order: signal.getsignal(order) for order in _HEARD}
        for order in _STOP:
            if before[order] is not signal.SIG_IGN:
                signal.signal(order, self._stop)
        self._stays = before[signal.SIGHUP] is signal.SIG_IGN  # nohup(1)
        signal.signal(signal.SIGHUP, self._hang_up)
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

    def _hang_up(self, _order: int, _frame: FrameType | None) -> None:
        if not self._terminal.gone():
            self.reload = True
        elif not self._stays:
            self.asked += 1
