"""Trouble: what went wrong at the terminal, in one sentence that names the next step."""

import errno
from pathlib import Path

OK, FAILURE, USAGE = 0, 1, 2
"""Exit codes; the whole list is in `perijove help exit-codes`."""

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_A_DIRECTORY = {errno.ENOTDIR, errno.EEXIST}


class Trouble(Exception):
    """Ends a command: its text goes to stderr, `exit_code` to whoever asked."""

    def __init__(self, sentence: str, *, exit_code: int = FAILURE) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def with_data(path: Path, error: OSError) -> Trouble:
    """Return what `error` means for the data directory `path`."""
    if error.errno in _FULL:
        return Trouble(
            f"The disk that holds {path} is full: make room on it,"
            " or choose another place with --data DIR."
        )
    if error.errno in _DENIED:
        return Trouble(
            f"Cannot write to the data directory {path}: it is read-only for this account."
            " Make it writable, or choose another with --data DIR."
        )
    if error.errno in _NOT_A_DIRECTORY:
        return Trouble(f"{path} is not a directory: choose another with --data DIR.")
    return Trouble(
        f"Cannot use the data directory {path} ({error.strerror or error}):"
        " choose another with --data DIR."
    )
