"""Every English sentence in the reader's language, read from the .po files at start."""

import io
from collections.abc import Mapping
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"


def _read(path: Path) -> GNUTranslations:
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return GNUTranslations(compiled)


CATALOGUES: Mapping[str, NullTranslations] = {
    "en": NullTranslations(),
    **{path.parts[-3]: _read(path) for path in sorted(LOCALE.glob("*/LC_MESSAGES/perijove.po"))},
}
"""Read while this module is imported, before there is a loop that could be held up."""


def translated(text: str, language: str) -> str:
    """Return `text` in `language`."""
    return CATALOGUES[language].gettext(text)


def counted(one: str, many: str, number: int, language: str) -> str:
    """Return `one` or `many` in `language`, as `number` wants it."""
    return CATALOGUES[language].ngettext(one, many, number)
