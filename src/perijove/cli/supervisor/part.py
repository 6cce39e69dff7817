"""Part: one child of the supervisor, the hub or the proxy."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from perijove.kit.backoff import Backoff

_LONGEST_LOG = 16 << 20
_HEALTHY_AFTER = 30.0
_LONGEST = 10.0
"""Seconds between two starts: a server that begins without a hub gives up after half a minute."""
_LEVELS = (" WARNING ", " ERROR ", " CRITICAL ")
"""As kit.log writes them."""
_MOST_NEWS = 64 << 10


@dataclass(slots=True, kw_only=True)
class Part:
    """Runs `command`; a session of its own keeps Ctrl-C for the supervisor alone."""

    name: str
    command: tuple[str, ...]
    log: Path
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """More of its environment."""
    reloads: bool = True
    """Whether it reads its configuration again on SIGHUP; else that would end it."""
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    due: float = 0.0
    """When it is to be started next, on the monotonic clock."""
    _read: int = 0
    """How much of the log has been looked at."""
    _backoff: Backoff = field(default_factory=lambda: Backoff(base=0.05, ceiling=_LONGEST))

    @property
    def pid(self) -> int:
        """Return its process, the last one."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, always with the same command line."""
        self.trim()
        self._read = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab", opener=_private) as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**environment(), **self.secrets},
            )
        self.began = monotonic()

    def ended(self) -> int | None:
        """Return its exit code if it has ended (a negative one is a signal), else None."""
        return self.process.poll() if self.process else None

    def revive(self) -> str | None:
        """Start it again when it is due; return what to tell, if it has ended or cannot start."""
        code = self.ended()
        if self.process is not None and code is None:
            return None
        if self.process is not None:
            if monotonic() - self.began > _HEALTHY_AFTER:
                self._backoff.forget(self.name)
            self.process = None
            return f"The {self.name} ended ({ending(code)}); starting it again in {self._later()}."
        if monotonic() >= self.due:
            try:
                self.start()
            except OSError as error:  # no room on the disk, no memory for one more process
                it = f"The {self.name} cannot be started ({error.strerror or error})"
                return f"{it}; trying again in {self._later()}."
        return None

    def _later(self) -> str:
        """Make it due later than the last time; return when, in words."""
        delay = self._backoff.next(self.name)
        self.due = monotonic() + delay
        return f"{delay:.2g} s"

    def reload(self) -> None:
        """Ask it to read its configuration again."""
        if self.reloads:
            self._send(signal.SIGHUP)

    def end(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it by force, and wait until it has."""
        self._send(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def warnings(self) -> list[str]:
        """Return what it has logged since the last call that people should see."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._read)
            whole, newline, _ = log.read(_MOST_NEWS).rpartition(b"\n")
            self._read += len(whole) + len(newline)
            lines = whole.decode(errors="replace").splitlines()
            return [told for line in lines if (told := _news(line))]
        return []

    def trim(self) -> None:
        """Keep one older log beside the one that is written, which anybody can make grow.

        The part goes on writing to the same file, at what is its end from then on.
        """
        with suppress(OSError):
            if self.log.stat().st_size > _LONGEST_LOG:
                shutil.copyfile(self.log, self._older)
                self._older.chmod(0o600)
                os.truncate(self.log, 0)
                self._read = 0

    def last_words(self) -> str:
        """Return the last line of its log."""
        with suppress(OSError), self.log.open(errors="replace") as log:
            lines = deque((line.strip() for line in log if line.strip()), maxlen=1)
            return lines[0] if lines else ""
        return ""

    @property
    def _older(self) -> Path:
        return self.log.with_suffix(".log.1")

    def _send(self, order: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(order)


def _news(line: str) -> str:
    """Return what people should see of a line of the log, '' for nothing."""
    if not line.startswith("{"):
        return line if any(level in line for level in _LEVELS) else ""
    try:
        told = json.loads(line)
        level = f" {told['level'].upper()} "
        return f"{told['time']}{level}{told['logger']}: {told['message']}" * (level in _LEVELS)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def environment() -> dict[str, str]:
    """Return the environment of a part: commands installed beside this Python are found first."""
    beside = str(Path(sys.executable).parent)
    found = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = [beside, *(folder for folder in found if folder != beside)]
    return {**os.environ, "PATH": os.pathsep.join(path)}


def ending(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def running(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Yield those that have not ended."""
    return (part for part in parts if part.process and part.ended() is None)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
