"""Finding: what one check has found, as data; the words are made for the reader."""

from dataclasses import dataclass, field
from enum import StrEnum

from perijove.cli.doctor.words import WORDS


class Health(StrEnum):
    """How it is."""

    GOOD = "good"
    RISKY = "risky"
    """It works, and whoever runs it should know what can come of it."""
    BAD = "bad"
    SKIPPED = "skipped"
    """It could not be looked at, because something else is bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check has found."""

    check: str
    health: Health
    code: str
    params: dict[str, str] = field(default_factory=dict[str, str])

    def sentence(self, language: str) -> str:
        """Return what it is, in words."""
        return WORDS[self.code][language][0].format(**self.params)

    def remedy(self, language: str) -> str:
        """Return what to do about it; nothing if it is good."""
        return WORDS[self.code][language][1].format(**self.params)


def good(check: str, code: str = "", **params: str) -> Finding:
    """Return that all is well; `code` if there is more than one way to be."""
    code = code or f"{check}.good"
    return Finding(check=check, health=Health.GOOD, code=code, params=params)


def risky(check: str, code: str, **params: str) -> Finding:
    """Return what works and may harm somebody."""
    return Finding(check=check, health=Health.RISKY, code=code, params=params)


def bad(check: str, code: str, **params: str) -> Finding:
    """Return what is wrong."""
    return Finding(check=check, health=Health.BAD, code=code, params=params)


def skipped(check: str, because: str) -> Finding:
    """Return that the check needs what another one has found to be bad."""
    params = {"because": because}
    return Finding(check=check, health=Health.SKIPPED, code="skipped", params=params)
