"""Access: the log of what was asked, a JSON object a line, written by a thread of its own.

The loop never waits for the disk: what the thread cannot take is dropped, and counted.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from perijove.proxy.log import Log

BATCH = 65_536
"""Bytes that are written together, or what a second has brought."""
_MOST = 4 * 1024 * 1024
"""Bytes that may wait for the disk."""
_FAREWELL = 2.0
"""Seconds for the last of them to be written."""
_MODE = 0o640
_REOPEN = b""
STDOUT = "-"


class AccessLog:
    """Lines for a file, or for standard output ('-'); nothing that is asked may wait for them."""

    def __init__(self, place: str, log: Log, call_soon: Callable[..., object]) -> None:
        """Open it; `call_soon` has the thread's warnings said by the loop.

        Raises:
            OSError: it cannot be opened.
        """
        self._path = None if place == STDOUT else Path(place)
        self._log = log
        self._call_soon = call_soon
        self._lines: list[bytes] = []
        self._gathered = self._waiting = 0
        self._taken: SimpleQueue[int] = SimpleQueue()
        """How large the batches are that the thread has dealt with."""
        self._batches: SimpleQueue[bytes | None] = SimpleQueue()
        self._dropped = self._lost = self._told = self._before = 0
        self._file = _open(self._path)
        self._thread: Thread | None = None
        self._torn = self._fails = False

    @property
    def dropped(self) -> int:
        """How many lines were not written."""
        return self._dropped + self._lost

    def write(self, line: bytes) -> None:
        """Have `line`, which ends with a newline, written soon."""
        if self._gathered + self._waiting > _MOST:
            self._count()
            if self._gathered + self._waiting > _MOST:
                self._dropped += 1
                return
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered >= BATCH:
            self.flush()

    def sweep(self, now: float) -> None:  # noqa: ARG002 - of whoever is swept
        """Hand on what the last second has brought; say what was lost, once no more is."""
        self.flush()
        lost = self.dropped
        if lost == self._before and lost > self._told:
            self._log(logging.WARNING, "access-log-lacks", lines=lost - self._told)
            self._told = lost
        self._before = lost

    def flush(self) -> None:
        """Give the thread what was gathered."""
        self._count()
        if self._lines:
            batch = b"".join(self._lines)
            self._lines, self._gathered = [], 0
            self._waiting += len(batch)
            self._hand(batch)

    def reopen(self) -> None:
        """Open the file anew for the lines to come, because somebody has moved it away."""
        self.flush()
        self._hand(_REOPEN)

    def close(self) -> None:
        """Write what is left, if that does not take long."""
        self.flush()
        if self._thread is not None:
            self._hand(None)
            self._thread.join(_FAREWELL)

    def _hand(self, batch: bytes | None) -> None:
        if self._thread is None:  # begun late: a process that is forked has its own
            self._thread = Thread(target=self._run, name="access-log", daemon=True)
            self._thread.start()
        self._batches.put(batch)

    def _count(self) -> None:
        """Learn what the thread has dealt with."""
        with suppress(Empty):
            while True:
                self._waiting -= self._taken.get_nowait()

    # the thread

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            if batch == _REOPEN:
                self._open_anew()
            else:
                self._put(batch)
                self._taken.put(len(batch))

    def _put(self, batch: bytes) -> None:
        whole = b"\n" + batch if self._torn else batch
        left = whole
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            if len(left) < len(whole):  # what comes next must not stand in the line that is cut
                self._torn = whole[-len(left) - 1] != ord("\n")
            self._lost += min(left.count(b"\n"), batch.count(b"\n"))
            self._warn("access-log-not-written", error)
        else:
            self._torn = self._fails = False

    def _open_anew(self) -> None:
        if self._path is None:
            return
        try:
            fresh = _open(self._path)
        except OSError as error:
            self._warn("access-log-not-reopened", error)
            return
        os.close(self._file)
        self._file, self._torn = fresh, False

    def _warn(self, event: str, error: OSError) -> None:
        """Say it once, until it works again."""
        if not self._fails:
            self._fails = True
            with suppress(RuntimeError):  # the loop is closed
                self._call_soon(self._said, event, error.strerror)

    def _said(self, event: str, why: str | None) -> None:
        self._log(logging.WARNING, event, why=why)


def _open(path: Path | None) -> int:
    """Return what to write into: bytes are put at its end, whoever else writes there."""
    if path is None:
        return os.dup(1)
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(path, how, _MODE)
