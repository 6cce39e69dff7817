"""Attendant: one service that the hub runs, as a process beside it."""

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perijove.model.service import Service
from perijove.spawners import passwd
from perijove.spawners.inherited import inherited
from perijove.spawners.resident import Resident, at_home

logger = logging.getLogger(__name__)

_WARDEN = Path(__file__).with_name("warden.py")
_CHUNK = 1 << 16
_LONGEST_LINE = 4000
_PATIENCE = 2.5
"""Seconds in which it ends, or is left to the warden, who does not wait for long either."""


@dataclass(slots=True)
class Attendant:
    """A process with its warden."""

    name: str
    process: Process
    _read: asyncio.Task[None]

    @property
    def pid(self) -> int:
        """Return the process that stands for it."""
        return self.process.pid

    async def wait(self) -> int:
        """Return its exit code, once it has ended."""
        return await self.process.wait()

    async def stop(self) -> None:
        """End it, if it has not ended."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self.process.wait()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()  # then the kernel ends what it runs
            await self.process.wait()
        self._read.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._read


async def launch(service: Service, environment: Mapping[str, str]) -> Attendant:
    """Start `service`; what it writes goes to the log.

    Raises:
        OSError: it cannot be started now, or as that account.
    """
    whose, numbers = await asyncio.to_thread(_account, service.user)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_WARDEN), *numbers, service.cwd, *service.command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env={**inherited(whose), **environment},
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    read = asyncio.create_task(_log(service.name, process.stdout))
    return Attendant(service.name, process, read)


def _account(name: str) -> tuple[Resident, tuple[str, str, str]]:
    """Return as whom a service runs, and the numbers of that account."""
    if not name:
        return at_home(Path.home()), ("", "", "")
    account = passwd.named(name)
    if account is None:
        raise FileNotFoundError(f"there is no account {name}")
    whose = Resident(account=name, home=Path(account.home), shell=account.shell)
    if account.uid == os.geteuid():
        return whose, ("", "", "")
    if os.geteuid() != 0:
        raise PermissionError(f"only root can run it as {name}")
    groups = ",".join(map(str, account.groups))
    return whose, (str(account.uid), str(account.gid), groups)


async def _log(name: str, output: asyncio.StreamReader) -> None:
    """Write each line of `output` to the log."""
    rest = b""
    while chunk := await output.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _CHUNK:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _say(name, line)
    if rest:
        _say(name, rest)


def _say(name: str, line: bytes) -> None:
    text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
    if text:
        logger.info("service %s: %s", name, text)
