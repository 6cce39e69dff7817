"""Folders in folders, deeper than any path is long; what pytest cannot delete, so we do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perijove.kit import trees

LEVELS = 1500


@contextmanager
def deep(top: Path) -> Iterator[Path]:
    """Make `top` with fifteen hundred folders in it, one in the other; delete it in the end."""
    top.mkdir(parents=True)
    here = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir("a" * 20, dir_fd=here)
        inner = os.open("a" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        yield top
    finally:
        if top.exists():
            trees.remove(top)
