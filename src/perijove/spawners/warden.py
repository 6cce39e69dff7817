"""Warden: runs one service of the hub, and ends it when the hub ends, however that happens.

Its stdin is a pipe from the hub, which is closed when the hub wants it or is no more. It is run
without the package: `python -I -S warden.py <uid> <gid> <groups> <folder> <program> …`; empty
numbers stay as they are.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

GRACE = 1.5
"""Seconds between being asked to end and being made to; the hub waits a little longer."""
_PDEATHSIG = 1
"""Of prctl(2)."""
_CANNOT = 127
_CHUNK = 4096


def main(arguments: list[str]) -> int:
    """Return the exit code of the service; as a shell says it where it was a signal."""
    uid, gid, groups, folder, *command = arguments
    for order in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(order, _hang_up)
    library = ctypes.CDLL(None)

    def die_with_it() -> None:
        library.prctl(_PDEATHSIG, signal.SIGKILL)

    try:
        child = subprocess.Popen(  # noqa: S603 - the administrator's own command
            command,
            stdin=subprocess.DEVNULL,
            cwd=folder or None,
            start_new_session=True,
            user=int(uid) if uid else None,
            group=int(gid) if gid else None,
            extra_groups=[int(each) for each in groups.split(",")] if groups else None,
            preexec_fn=die_with_it,  # noqa: PLW1509 - there is one thread
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _CANNOT
    ended = os.pidfd_open(child.pid)
    _wait(ended)
    _end(child, ended)
    code = child.returncode
    return code if code >= 0 else 128 - code


def _hang_up(*_: object) -> None:
    """Be told to end by a signal as by the pipe."""
    with suppress(OSError):
        os.close(0)


def _wait(ended: int) -> None:
    """Return when the service has ended, or is to."""
    with suppress(OSError, ValueError):  # the pipe was closed here
        while True:
            ready, _, _ = select.select([0, ended], [], [])
            if ended in ready or not os.read(0, _CHUNK):
                return


def _end(child: "subprocess.Popen[bytes]", ended: int) -> None:
    """End whatever is left of it: gently, then not. Its number is its own until it is reaped."""
    _tell(child, signal.SIGTERM)
    select.select([ended], [], [], GRACE)
    _tell(child, signal.SIGKILL)
    child.wait()


def _tell(child: "subprocess.Popen[bytes]", order: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, order)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
