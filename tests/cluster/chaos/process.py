"""A hub and a proxy as processes of this machine: killed, started again, and measured."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Process:
    """`perijove` with some words; its log grows over all its lives."""

    words: list[str]
    log: Path
    _running: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def start(self) -> None:
        """Begin a life."""
        with self.log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "perijove", *self.words, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """Kill -9."""
        await self._end(signal.SIGKILL)

    async def end(self) -> None:
        """Ask it to end, as an upgrade does."""
        await self._end(signal.SIGTERM)

    def cpu(self) -> float:
        """Return the seconds of CPU that this life has used."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        return int(self._proc("statm").split()[1]) * _PAGE / 2**20

    def lines(self) -> int:
        """Return how many lines it has logged."""
        return self.log.read_bytes().count(b"\n")

    def _proc(self, name: str) -> str:
        assert self._running is not None
        return Path(f"/proc/{self._running.pid}/{name}").read_text()

    async def _end(self, how: signal.Signals) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.send_signal(how)
            await self._running.wait()
        self._running = None
