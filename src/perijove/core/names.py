"""What people may be called."""

import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote

from perijove.model.errors import Invalid

LONGEST = 255
_SHOWN_LONGEST = 255
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NEWLINES = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")
_INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0\u2800")
"""Characters that draw nothing although Unicode does not call them formatting."""
_REFUSED: Mapping[str, str] = {
    "Cc": "name.control",
    "Cf": "name.invisible",
    "Cn": "name.character",
    "Co": "name.character",
    "Cs": "name.character",
    "Zl": "name.newline",
    "Zp": "name.newline",
}
"""What is wrong with a character of that Unicode category."""
_LOOK_ALIKE = {"CYRILLIC", "GREEK"}
"""Scripts whose letters look like Latin ones."""


def normal(name: str) -> str:
    """Return `name` as it is stored and looked up: NFC and lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())


def look(name: str) -> str:
    """Return what names that are drawn alike have in common: NFKC and casefold."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded)


def user_name(text: str) -> str:
    """Return the name of a new person, normalised.

    Raises:
        Invalid: nobody may be called that; every reason has a code of its own.
    """
    if len(text) > LONGEST:
        raise Invalid("name.long", most=LONGEST)
    name = normal(text)
    if not name:
        raise Invalid("name.empty")
    for character in name:
        _require_good(character)
    if name != name.strip():
        raise Invalid("name.space")
    if name in {".", ".."} or unquote(name) in {".", ".."}:
        raise Invalid("name.dots")
    if max(len(name), len(look(name))) > LONGEST:
        raise Invalid("name.long", most=LONGEST)
    scripts = _scripts(name)
    if "LATIN" in scripts and scripts & _LOOK_ALIKE:
        raise Invalid("name.mixed")
    return name


def display_name(text: str) -> str:
    """Return what a person is to be called on pages; '' is the same as their name.

    Raises:
        Invalid: it is too long, or holds what cannot be printed.
    """
    shown = unicodedata.normalize("NFC", text).strip()
    if len(shown) > _SHOWN_LONGEST or not shown.isprintable():
        raise Invalid("display-name.bad", most=_SHOWN_LONGEST)
    return shown


def short(name: str) -> str:
    """Return `name` as it may stand in a log or an answer: printable, 32 characters at most."""
    return "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in name[:32])


def _require_good(character: str) -> None:
    if character == "\0":
        raise Invalid("name.nul")
    if character in _NEWLINES:
        raise Invalid("name.newline")
    if character in _BIDI:
        raise Invalid("name.bidi")
    if character in _INVISIBLE or _selects_variant(character):
        raise Invalid("name.invisible")
    if character == "/":
        raise Invalid("name.slash")
    wrong = _REFUSED.get(unicodedata.category(character))
    if wrong:
        raise Invalid(wrong)


def _selects_variant(character: str) -> bool:
    return unicodedata.name(character, "").startswith("VARIATION SELECTOR")


def _scripts(name: str) -> set[str]:
    """Return the scripts of the letters in `name`, as their Unicode names begin."""
    letters = (it for it in unicodedata.normalize("NFKC", name) if it.isalpha())
    return {unicodedata.name(it, "").partition(" ")[0] for it in letters}
