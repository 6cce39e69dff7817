"""Trash: the homes of deleted people on one machine, kept for a while beside the homes.

    <key>          the home itself, moved here by one rename
    <key>.json     whose it was; written before that
    <key>.size     its bytes, once they were counted
    <key>.going    the home while it is being deleted

Who renames a home away from <key> has it: so nothing is both restored and deleted, and what a
crash has left half deleted is never restored.
"""

import asyncio
import errno
import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from perijove.kit import trees
from perijove.model.errors import Conflict, Unknown
from perijove.model.trash import Discarded, Label
from perijove.spawners import launcher
from perijove.spawners.homes import Homes

logger = logging.getLogger(__name__)

_LABEL, _SIZE, _GOING = ".json", ".size", ".going"
_BESIDE = (_LABEL, _SIZE, _GOING, ".new")
_LONGEST = 255
_STRAY = 3600.0
"""Seconds after which a label without a home is of a crash."""
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


class Trash:
    """The trash of `homes`; as perijove.spawners.Trash."""

    def __init__(self, homes: Homes) -> None:
        """Touch nothing yet."""
        self._homes = homes

    @cached_property
    def path(self) -> Path:
        """Where it is; read in a thread."""
        return _beside(self._homes.root)

    async def all(self) -> list[Discarded]:
        """Read the folder."""
        return await asyncio.to_thread(lambda: list(self._all()))

    async def one(self, key: str) -> Discarded:
        """Read one."""
        return await asyncio.to_thread(self._one, key)

    async def would_take(self, home: str) -> bool:
        """Look."""
        return await asyncio.to_thread(lambda: self._homes.path(home).exists())

    async def meant_for(self, key: str, heir: int) -> None:
        """Write the label anew."""
        await asyncio.to_thread(self._meant_for, key, heir)

    async def give(self, key: str, home: str, folder: str = "") -> None:
        """Move it by one rename."""
        await asyncio.to_thread(self._give, key, home, folder)

    async def empty(self, key: str) -> None:
        """Take it out of sight by one rename, then delete it."""
        await asyncio.to_thread(self._empty, key)

    async def measure(self, key: str) -> None:
        """Add up what its files take on the disk."""
        await asyncio.to_thread(self._measure, key)

    async def sweep(self, now: datetime) -> None:
        """Delete what was being deleted, and labels of nothing."""
        await asyncio.to_thread(self._sweep, now)

    def throw(self, home: str, label: Label) -> None:
        """Move `home` here; what is not there is not missed."""
        path = self._homes.path(home)
        if not path.exists():
            return
        self.path.mkdir(mode=0o700, exist_ok=True)
        key = f"{home}.{secrets.token_hex(4)}"
        self._write(key, label)
        path.rename(self.path / key)

    def _all(self) -> Iterator[Discarded]:
        with suppress(FileNotFoundError):
            for path in sorted(self.path.iterdir()):
                if not path.name.endswith(_BESIDE):
                    with suppress(Unknown):  # somebody has just taken it away
                        yield self._one(path.name)

    def _one(self, key: str) -> Discarded:
        path = self._there(key)
        try:
            moved, label = path.stat().st_ctime, self._label(key)
            at = label.at if label else datetime.fromtimestamp(moved, UTC)
            return Discarded(key=key, at=at, label=label, size=self._size(key))
        except FileNotFoundError:
            raise Unknown("trash.unknown") from None

    def _there(self, key: str) -> Path:
        path = self.path / key
        named = key and not (key.startswith(".") or "/" in key or key.endswith(_BESIDE))
        if not named or len(key.encode(errors="replace")) > _LONGEST or not path.is_dir():
            raise Unknown("trash.unknown")
        return path

    def _label(self, key: str) -> Label | None:
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError):  # or by other hands
            found = json.loads((self.path / f"{key}{_LABEL}").read_text())
            at = datetime.fromisoformat(found["at"])
            return Label(**{**found, "at": at}) if at.tzinfo else None
        return None

    def _size(self, key: str) -> int | None:
        with suppress(FileNotFoundError, ValueError):
            return int((self.path / f"{key}{_SIZE}").read_text())
        return None

    def _write(self, key: str, label: Label) -> None:
        text = json.dumps({**asdict(label), "at": label.at.isoformat()}, ensure_ascii=False)
        launcher.replace(str(self.path / f"{key}{_LABEL}"), text, keep=True)

    def _meant_for(self, key: str, heir: int) -> None:
        found = self._one(key)
        assert found.label is not None
        self._write(key, replace(found.label, heir=heir))

    def _give(self, key: str, home: str, folder: str) -> None:
        source = self._there(key)
        if folder:
            self._homes.make(home)
            target = self._homes.path(home) / folder
        else:
            target = self._homes.path(home)
        try:
            source.rename(target)  # over an empty folder as well
        except FileNotFoundError:
            raise Unknown("trash.unknown") from None
        except OSError as error:
            if error.errno in _TAKEN:
                raise Conflict("trash.home-there") from error
            raise
        self._forget(key)

    def _empty(self, key: str) -> None:
        source = self._there(key)
        with suppress(FileNotFoundError):  # somebody was faster
            source.rename(self.path / f"{key}{_GOING}")
        self._finish(key)

    def _finish(self, key: str) -> None:
        self._forget(key)  # nobody may restore it any more
        trees.remove(self.path / f"{key}{_GOING}")

    def _forget(self, key: str) -> None:
        for ending in (_SIZE, _LABEL):
            (self.path / f"{key}{ending}").unlink(missing_ok=True)

    def _measure(self, key: str) -> None:
        total = trees.size(self._there(key)) or 0
        launcher.replace(str(self.path / f"{key}{_SIZE}"), str(total))

    def _sweep(self, now: datetime) -> None:
        with suppress(FileNotFoundError):
            for path in list(self.path.iterdir()):
                key = path.name.removesuffix(path.suffix)
                if path.suffix == _GOING:
                    self._try_to_finish(key)
                elif path.suffix in _BESIDE and not self._known(key) and _is_old(path, now):
                    path.unlink(missing_ok=True)

    def _try_to_finish(self, key: str) -> None:
        """Delete what was being deleted; one that cannot be keeps nothing else back."""
        try:
            self._finish(key)
        except OSError as error:
            logger.warning("trash: %s cannot be deleted: %s", key, error)

    def _known(self, key: str) -> bool:
        return (self.path / key).exists()


def _beside(root: Path) -> Path:
    """Return where the trash of the homes below `root` is: on the same disk, or nothing moves."""
    apart = os.path.ismount(root) or root.is_symlink()
    return root / ".trash" if apart else root.parent / "trash"


def _is_old(path: Path, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        return now.timestamp() - path.stat().st_mtime > _STRAY
    return False
