"""Rescue: an empty home for one start on one machine, with the usual one as a folder in it.

It lies among the temporary files, so it is there when the disk of homes is full, and goes with the
workload. The file `rescue` in the workload's directory says where; it is written before.
"""

import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from perijove.kit import trees
from perijove.model.workload import OLD_HOME
from perijove.spawners import launcher

_FILE, _PREFIX = "rescue", "perijove-rescue-"
_README = Path(__file__).with_name("rescue.txt")
_CONFIG = {
    "FileContentsManager": {"delete_to_trash": False},  # it would free nothing
    "ContentsManager": {"allow_hidden": True},  # files that hold a start up begin with a dot
}


def empty_home(directory: Path, home: Path, owner: tuple[int, int] | None) -> Path:
    """Make and return an empty home for the workload of `directory`, with `home` in it.

    `owner`: uid and gid of whoever is to use it; None: we do.
    """
    discard(directory)
    path = Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(8)}"
    launcher.replace(str(directory / _FILE), str(path))
    path.mkdir(mode=0o700)  # fails if anybody was faster
    settings = path / ".jupyter"
    settings.mkdir(mode=0o700)
    (settings / "jupyter_server_config.json").write_text(json.dumps(_CONFIG))
    words = _README.read_text(encoding="utf-8").replace("OLD_HOME", OLD_HOME)
    (path / "README.txt").write_text(words, encoding="utf-8")
    (path / OLD_HOME).symlink_to(home)
    if owner:
        for made in (*settings.iterdir(), *path.iterdir(), path):
            os.chown(made, *owner, follow_symlinks=False)
    return path


def is_one(directory: Path) -> bool:
    """Return whether the workload of `directory` has an empty home."""
    return (directory / _FILE).exists()


def discard(directory: Path) -> None:
    """Delete the empty home of a workload that has ended, if it had one."""
    with suppress(FileNotFoundError):
        path = Path((directory / _FILE).read_text())
        if path.name.startswith(_PREFIX):
            with suppress(OSError):  # what is left there is among the temporary files
                trees.remove(path)  # never through a link: OLD_HOME is one
        (directory / _FILE).unlink()
