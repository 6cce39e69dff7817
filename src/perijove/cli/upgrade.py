"""`perijove proxy upgrade`: a new process in the place of a proxy, without a connection lost."""

import os
import signal
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from perijove.cli.output import answer, answer_json, remark
from perijove.cli.trouble import USAGE, Trouble

_PATIENCE = 40.0
"""Seconds; the proxy itself gives up after 30."""
_LOOK = 0.05
_NOTICEABLE = 1.0


def command(given: Namespace) -> None:
    """Have a proxy start another with its sockets; return when that one serves.

    Raises:
        Trouble: there is no such proxy, or the new one did not come up.
    """
    path = Path(given.pid_file)
    old = _proxy(path)
    before = path.stat().st_mtime_ns
    try:
        os.kill(old, signal.SIGUSR2)
    except PermissionError as error:
        raise Trouble(f"The proxy, process {old}, belongs to another account.") from error
    new = _next(path, old, before)
    if given.output == "json":
        answer_json({"pid": new, "before": old})
    else:
        answer(f"Process {new} serves in the place of {old}, which ends when nobody needs it.")


def _proxy(path: Path) -> int:
    """Return the process that `path` names, once it is sure to be a proxy."""
    hint = f"Name the file that the proxy was given as --pid-file, not {path}."
    try:
        pid = int(path.read_text())
    except OSError as error:
        raise Trouble(f"Cannot read {path}: {error.strerror}. {hint}", exit_code=USAGE) from error
    except ValueError as error:
        raise Trouble(f"{path} names no process. {hint}", exit_code=USAGE) from error
    words = b""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    # the signal would end anything else
    if b"perijove" not in words or b"proxy" not in words:
        raise Trouble(f"The process {pid} that {path} names is no proxy, or has ended. {hint}")
    return pid


def _next(path: Path, old: int, before: int) -> int:
    began, told = time.monotonic(), False
    while time.monotonic() - began < _PATIENCE:
        time.sleep(_LOOK)  # noqa: TID251 - nothing else goes on here
        with suppress(OSError, ValueError):
            named, written = int(path.read_text()), path.stat().st_mtime_ns
            if named != old and Path(f"/proc/{named}").exists():
                return named
            if named == old and written != before:
                break
        if not told and time.monotonic() - began > _NOTICEABLE:
            told = True
            remark("Waiting for the new process …")
    raise Trouble(
        "The new process did not come up, and the old one goes on serving: its log says why."
    )
