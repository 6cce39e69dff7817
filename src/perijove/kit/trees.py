"""Trees of files that somebody else has made: however deep they are, however long their names.

The tools of the system do it: they go by open folders, while Python's own go by paths, and end
at a thousand folders one in the other. They follow no link. Call these in a thread.
"""

import errno
import os
import shutil
import subprocess
from pathlib import Path

_GENTLY = (("nice", "-n", "19"), ("ionice", "-c", "3"))
"""What lets everybody else go first, where it is there."""
_PATIENCE = 3600.0
"""Seconds."""


def remove(path: Path) -> None:
    """Delete `path` with all that is below it; what is not there is not missed.

    Raises:
        OSError: something is left.
    """
    _run("rm", "-rf", "--one-file-system", "--", str(path))
    if os.path.lexists(path) and not path.is_symlink():
        _run("chmod", "-R", "u+rwx", "--", str(path))  # people protect folders from themselves
        _run("rm", "-rf", "--one-file-system", "--", str(path))
    if os.path.lexists(path):
        raise OSError(errno.ENOTEMPTY, "it cannot be deleted as a whole", str(path))


def size(path: Path) -> int | None:
    """Return the bytes that `path` takes on its own disk, or None; this may take minutes."""
    said = _run("du", "-skx", "--", str(path)).partition(b"\t")[0]
    return int(said) << 10 if said.isdigit() else None  # the sum, also when some had gone meanwhile


def _run(*command: str) -> bytes:
    polite = [word for it in _GENTLY if shutil.which(it[0]) for word in it]
    try:
        done = subprocess.run(  # noqa: S603 - tools that every system has
            [*polite, *command],
            capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout
