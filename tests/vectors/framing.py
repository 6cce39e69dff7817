"""Reads the tables of messages beside it: what is sent, and what is to become of it."""

import re
from dataclasses import dataclass
from pathlib import Path

_REPEATED = re.compile(r"\{([^{}*]*)\*(\d+)\}")


@dataclass(frozen=True)
class Vector:
    """A line of a table."""

    line: int
    verdict: tuple[str, ...]
    text: str

    def at(self, path: str) -> bytes:
        """Return what is sent, with `path` for {P}."""
        return self.text.replace("{P}", path).encode("latin-1")


def vectors(name: str) -> list[Vector]:
    found = []
    for number, line in enumerate((Path(__file__).parent / name).read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            verdict, gap, text = line.partition("  ")
            assert gap, line
            words = tuple(_plain(word) for word in verdict.split(" "))
            found.append(Vector(number, words, _REPEATED.sub(_many, _plain(text))))
    return found


def _plain(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


def _many(found: "re.Match[str]") -> str:
    return found[1] * int(found[2])
