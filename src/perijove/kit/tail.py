"""The end of a log."""

import os
from pathlib import Path


def tail(path: Path, most: int) -> str:
    """Return the last `most` bytes of a file, from the begin of a line.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - most))
        text = log.read(most).decode(errors="replace")
    return text if size <= most else text.partition("\n")[2] or text
