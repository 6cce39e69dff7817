"""Parts: the processes of the cluster, each with a log, found again by any later command."""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kit.places import LOG, RUN
from tests.cluster.kit.words import Refused, say, write

PATIENCE = {signal.SIGTERM: 5.0, signal.SIGKILL: 2.0}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A process as `up` started it. `born` tells it from a stranger with the same number."""

    name: str
    command: list[str]
    space: str | None = None
    environment: dict[str, str] | None = None
    pid: int = 0
    born: str = ""


def _born(pid: int) -> str:
    """Return when a process started, in ticks since boot; "" when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def alive(part: Part) -> bool:
    """Return whether its process runs."""
    return part.born != "" and _born(part.pid) == part.born


def known() -> dict[str, Part]:
    """Return every part that was started, by name, whether it runs or not."""
    files = sorted(RUN.glob("*.part"))
    return {file.stem: Part(**json.loads(file.read_text())) for file in files}


def named(name: str) -> Part:
    """Return a part; a name that is none is refused with those that are."""
    everything = known()
    if name not in everything:
        some = ", ".join(everything) or "none: the cluster is not up"
        raise Refused(f"There is no part {name}. Parts: {some}.")
    return everything[name]


def begin(part: Part) -> None:
    """Start a part and write down how; nothing happens when it runs already.

    `nsenter` and never `ip netns exec`: that one mounts a new /sys, which hides the cgroups.
    """
    before = known().get(part.name)
    if before is not None and alive(before):
        return
    LOG.mkdir(parents=True, exist_ok=True)
    enter = ["nsenter", f"--net=/run/netns/{part.space}", "--"] if part.space else []
    pid = _spawn([*enter, *part.command], part)
    kept = {**asdict(part), "pid": pid, "born": _born(pid)}
    write(RUN / f"{part.name}.part", json.dumps(kept))


def _spawn(command: list[str], part: Part) -> int:
    """Start a process that outlives this one, and return its number."""
    log = str(LOG / f"{part.name}.log")
    # A lock that our caller holds (flock COMMAND) must not be held by what outlives it.
    strangers = [int(file.name) for file in Path("/proc/self/fd").iterdir() if int(file.name) > 2]
    files: list[tuple[Any, ...]] = [
        *((os.POSIX_SPAWN_CLOSE, number) for number in strangers),
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = {**os.environ, **(part.environment or {})}
    return os.posix_spawnp(command[0], command, environment, file_actions=files, setsid=True)


def end(part: Part) -> None:
    """End a part, at once when it does not listen; its data and its pods stay."""
    for number, patience in PATIENCE.items():
        if not alive(part):
            return
        with suppress(ProcessLookupError):
            os.kill(part.pid, number)
        until = time.monotonic() + patience
        while alive(part) and time.monotonic() < until:
            with suppress(ChildProcessError):
                os.waitpid(part.pid, os.WNOHANG)
            time.sleep(0.05)


def stop(name: str) -> None:
    """End a part by name and say so."""
    part = named(name)
    if not alive(part):
        say(f"{name} does not run")
        return
    end(part)
    say(f"{name} is stopped")


def start(name: str) -> None:
    """Start a part again, as `up` had started it."""
    part = named(name)
    if alive(part):
        say(f"{name} runs already")
        return
    begin(part)
    say(f"{name} is started")


def resting() -> list[str]:
    """Return the parts that were started and do not run now."""
    return [name for name, part in known().items() if not alive(part)]
