"""Problem: what is wrong with a configuration, or worth knowing, and where it says so."""

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; lines and columns count from 1."""

    source: str
    """The name of a file, or of an environment variable."""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return it as editors and people write it."""
        if self.line is None:
            return self.source
        return f"{self.source}, line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or with `Reading.notices` one worth knowing."""

    words: str
    key: str = ""
    place: Place | None = None
    hint: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        where = f"{self.place}: " if self.place else ""
        key = f"{self.key}: " if self.key else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{key}{self.words}{hint}"


class BadConfig(Exception):
    """A configuration that cannot be used, with all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def dotted(path: Path) -> str:
    """Return a path as people write it: singleuser.profileList[0].slug."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
