"""Homes: the folders in which people keep their files, on one machine."""

from dataclasses import dataclass
from pathlib import Path

from perijove.model.errors import Refused


@dataclass(frozen=True, slots=True)
class Homes:
    """Folders below `root`, for nobody else to read. Only spawners.trash takes one away."""

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
