"""Archive: one file with all that a box is, and what it must hold.

A tar file: `manifest.json`, the tables of the database as store/rows writes them, the secrets,
and the homes if they are wanted. The manifest names every table with its rows and their sum.
"""

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from perijove import __version__
from perijove.cli.trouble import Trouble
from perijove.store.rows import Counted

FORMAT = 1
_MANIFEST, _TABLES, _SECRETS, _HOMES = "manifest.json", "tables", "secrets", "homes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself."""

    revision: str
    """Of the database."""
    tables: Mapping[str, Counted]
    made_at: str
    """When, in ISO 8601."""
    secrets: tuple[str, ...] = ()
    homes: bool = False
    perijove: str = __version__
    format: int = FORMAT

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, text: str) -> "Manifest":
        """Return what `text` says.

        Raises:
            Trouble: it is of a later version.
            KeyError, TypeError, ValueError: it makes no sense.
        """
        tree: dict[str, Any] = json.loads(text)
        if tree["format"] > FORMAT:
            raise Trouble(
                f"The backup was made by a newer Perijove ({tree['perijove']}): restore it with"
                " that version."
            )
        tree["tables"] = {name: Counted(**it) for name, it in tree["tables"].items()}
        return cls(**{**tree, "secrets": tuple(tree["secrets"])})


def write(path: Path, manifest: Manifest, tables: Path, secrets: Path, homes: Path) -> list[str]:
    """Write an archive, whole or not at all, for its owner alone; return what cannot be read."""
    unread: list[str] = []
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "xb", opener=_private) as file:
            with tarfile.open(fileobj=file, mode="w|") as tar:
                (tables / _MANIFEST).write_text(manifest.text())
                tar.add(tables / _MANIFEST, _MANIFEST)
                for name in manifest.tables:
                    tar.add(tables / f"{name}.jsonl", f"{_TABLES}/{name}.jsonl")
                for name in manifest.secrets:
                    tar.add(secrets / name, f"{_SECRETS}/{name}")
                if manifest.homes:
                    unread += _add_homes(tar, homes)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return unread


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Manifest, Path, Path]]:
    """Yield what an archive says, and the folders of its tables and secrets.

    Raises:
        Trouble: it is no backup, or one of a later version.
    """
    if not path.is_file():
        raise Trouble(f"There is no file {path}: name one that `perijove db backup` wrote.")
    with TemporaryDirectory(prefix="perijove-") as name:
        folder = Path(name)
        try:
            with tarfile.open(path) as tar:
                for member in tar:
                    if not _of_homes(member):
                        tar.extract(member, folder, filter="data")
            manifest = Manifest.read((folder / _MANIFEST).read_text())
        except (OSError, tarfile.TarError, KeyError, TypeError, ValueError, EOFError) as error:
            raise Trouble(f"{path} is no backup, or only a part of one ({error}).") from error
        yield manifest, folder / _TABLES, folder / _SECRETS


def unpack_homes(path: Path, into: Path) -> None:
    """Put the homes of an archive below `into`, with their owners where that is allowed."""
    with tarfile.open(path) as tar:
        for member in tar:
            if _of_homes(member):
                tar.extract(member, into, numeric_owner=True, filter="tar")


def _of_homes(member: tarfile.TarInfo) -> bool:
    return member.name.partition("/")[0] == _HOMES


def _add_homes(tar: tarfile.TarFile, homes: Path) -> Iterator[str]:
    """Add them as they are, and yield what cannot be read, as the system says it.

    People go on working, so what is gone meanwhile is left out; they may have nested folders
    deeper than a path can say.
    """
    left = [homes]
    while left:
        folder = left.pop()
        yield from _add(tar, folder, homes)
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            yield from _unread(folder, error)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                left.append(Path(entry.path))
            else:
                yield from _add(tar, Path(entry.path), homes)


def _add(tar: tarfile.TarFile, path: Path, homes: Path) -> Iterator[str]:
    """Add one; a disk that is full is no reason to leave something out."""
    try:
        member = tar.gettarinfo(path, f"{_HOMES}/{path.relative_to(homes)}")
        if member is None:  # a socket
            return
        file = path.open("rb") if member.isreg() else None
    except OSError as error:
        yield from _unread(path, error)
        return
    if file is None:
        tar.addfile(member)
        return
    with file:
        tar.addfile(member, _Exactly(file))


def _unread(path: Path, error: OSError) -> Iterator[str]:
    if not isinstance(error, FileNotFoundError):  # it is gone meanwhile
        yield f"{str(path)[-100:]}: {error.strerror}"


class _Exactly:
    """A file that is as long as it was when it was looked at, with zeros where it is shorter."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes."""
        return self._file.read(size).ljust(size, b"\0")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
