"""Homes: the folders in which people keep their files, on one machine."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from perijove.model.errors import Refused

_TRASH = "trash"
"""Beside the homes, on the same disk, so that moving there is one rename."""


@dataclass(frozen=True, slots=True)
class Homes:
    """Folders below `root`, for nobody else to read. Only `discard` takes one away."""

    root: Path

    def path(self, home: str) -> Path:
        """Return where `home` is.

        Raises:
            Refused: that is no name of a home; it would be somewhere else.
        """
        if not home or "/" in home or home in {".", ".."}:
            raise Refused
        return self.root / home

    def make(self, home: str) -> None:
        """Make `home`, if it is not there."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path(home).mkdir(mode=0o700, exist_ok=True)

    def discard(self, home: str) -> None:
        """Move `home` into the trash; what is not there is not missed."""
        path, trash = self.path(home), self.root.parent / _TRASH
        if path.exists():
            trash.mkdir(mode=0o700, exist_ok=True)
            path.rename(trash / f"{home}.{secrets.token_hex(4)}")
