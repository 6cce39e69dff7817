"""How the kit speaks, waits and runs a program: in words, and never for ever."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


class Refused(Exception):
    """What keeps the kit from going on, in one sentence that may be shown."""


def say(text: str) -> None:
    """Print a line at once, so that a log shows where the time goes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(
    *command: str | Path,
    check: bool = True,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return what a program printed; with `check`, refuse to go on when it fails."""
    words = [str(word) for word in command]
    whole = {**os.environ, **env} if env else None
    done = subprocess.run(
        words, capture_output=True, text=True, input=stdin, cwd=cwd, env=whole, check=False
    )
    if check and done.returncode:
        raise Refused(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    """Return whether a program ends well; what it prints is lost."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def wait(what: str, ready: Callable[[], bool], *, seconds: float = 60, look: str = "") -> None:
    """Ask until it is ready, and print how long that took; refuse after `seconds`."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > seconds:
            raise Refused(f"{what}: not within {seconds:.0f} s{look and f'; look at {look}'}")
        time.sleep(0.1)
    say(f"  {what}: {time.monotonic() - began:.1f} s")


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(text)
    part.chmod(mode)
    part.rename(file)
