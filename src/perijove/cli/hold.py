"""Hold: a lock that one process keeps for life, with its name in it.

The kernel gives the lock back when the process ends, however it ends. The file says who
holds it: "<pid> <start time in clock ticks>", so that a later process of that number is
never taken for it.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = 40
"""Characters; as long as any, so that one write replaces the last one whole."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, told from a later one of the same number by its start time."""

    pid: int
    ticks: str

    def alive(self) -> bool:
        """Return whether it still runs."""
        return started(self.pid) == self.ticks

    def send(self, order: signal.Signals) -> bool:
        """Send a signal to this very process; return whether it lives."""
        with suppress(ProcessLookupError):
            process = os.pidfd_open(self.pid)
            try:
                if self.alive():
                    signal.pidfd_send_signal(process, order)
                    return True
            finally:
                os.close(process)
        return False


class Held(Exception):
    """Somebody else holds it; `holder` is None while it has not signed yet."""

    def __init__(self, path: Path, holder: Holder | None) -> None:
        super().__init__(f"{path.name} is held by {holder.pid if holder else 'another process'}")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock file."""

    path: Path

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold it while the block runs.

        Raises:
            Held: somebody else does.
        """
        lock = self._locked()
        try:
            yield
        finally:
            os.close(lock)

    def keep(self) -> None:
        """Hold it as long as this process lives, whatever program it becomes.

        Raises:
            Held: somebody else does.
        """
        os.set_inheritable(self._locked(), True)  # noqa: FBT003 - it takes no keyword

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Hold it while the block runs; wait for whoever holds it now."""
        lock = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _locked(self) -> int:
        """Return the lock file, locked and signed."""
        lock = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            signature = f"{os.getpid()} {started(os.getpid())}"
            os.pwrite(lock, f"{signature:<{_SIGNATURE}}\n".encode(), 0)  # over the last, at once
        except BlockingIOError:
            os.close(lock)
            raise Held(self.path, self.holder()) from None
        except BaseException:
            os.close(lock)
            raise
        return lock

    def free(self) -> bool:
        """Return whether nobody holds it."""
        try:
            lock = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(lock)

    def holder(self) -> Holder | None:
        """Return who signed it last, living or dead."""
        with suppress(FileNotFoundError, ValueError):
            pid, ticks = self.path.read_text().split()
            return Holder(int(pid), ticks)
        return None


def started(pid: int) -> str | None:
    """Return the start time of a process in clock ticks, None if there is none. See proc(5)."""
    with suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in {"Z", "X"} else fields[18]
    return None
