"""Attendant: one service that the hub runs, as a process beside it."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
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
"""Seconds in which its warden ends it."""
_LAST_WORDS = 1.0
"""Seconds in which what it has written is read: who has left its group may hold the pipe."""
_BEGINS, _GLANCE = 5.0, 0.02
"""Seconds in which the warden has begun it, and between two looks."""


@dataclass(slots=True)
class Attendant:
    """A process with its warden."""

    name: str
    process: Process
    _read: asyncio.Task[None]
    _group: int = field(init=False, default=0)
    """What it and all that it begins belong to; 0 until its warden has begun it."""

    @property
    def pid(self) -> int:
        """Return the process that stands for it."""
        return self.process.pid

    async def wait(self) -> int:
        """Return its exit code, once it has ended."""
        await self._know_group()
        with contextlib.suppress(ProcessLookupError):
            await _gone(self.pid)
        self._end_rest()
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
                self.process.kill()
            self._end_rest()
            await self.process.wait()
        await asyncio.wait([self._read], timeout=_LAST_WORDS)
        self._read.cancel()
        await asyncio.gather(self._read, return_exceptions=True)

    def _end_rest(self) -> None:
        """End what is left of it, now that its warden is gone, who may have been killed."""
        if self._group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    async def _know_group(self) -> None:
        """Look which process the warden has begun: the group has its number."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BEGINS):
                while self.process.returncode is None and not self._group:
                    self._group = await asyncio.to_thread(_begun_by, self.pid)
                    await asyncio.sleep(_GLANCE)


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


async def _gone(pid: int) -> None:
    """Return when our child `pid` has ended, whoever may still hold its output.

    Raises:
        ProcessLookupError: it is gone already.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _begun_by(pid: int) -> int:
    """Return the first process that `pid` has begun; 0 if there is none yet."""
    with contextlib.suppress(OSError):
        return int((Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or ["0"])[0])
    return 0


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
