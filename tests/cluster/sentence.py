"""A sentence of the catalogue as it stands in a text, whatever fills its places."""

import re
from dataclasses import dataclass

from perijove.core.bigger import OUT_OF_MEMORY
from perijove.http.catalogue import translated
from perijove.http.remedies import ADMINISTRATOR, NEXT
from perijove.http.sentences import ENGLISH

_PLACE = re.compile(r"\s*\{[^}]*\}\s*")


_NO_MORE = "Nothing that you can choose has more memory."


@dataclass(frozen=True)
class Sentence:
    """What a code is told with in one language."""

    text: str

    @staticmethod
    def of(code: str, language: str) -> "Sentence":
        """Return what a person is told."""
        return Sentence(translated(ENGLISH[code], language))

    @staticmethod
    def next(code: str, language: str) -> "Sentence":
        """Return what the person is advised to do; '' where there is nothing to do."""
        if code == OUT_OF_MEMORY:  # nothing that these people can choose has more
            return Sentence(translated(_NO_MORE, language))
        return Sentence(translated(NEXT[code], language) if code in NEXT else "")

    @staticmethod
    def administrator(code: str, language: str) -> "Sentence":
        """Return what an administrator is told; '' where it is nothing."""
        return Sentence(translated(ADMINISTRATOR[code], language) if code in ADMINISTRATOR else "")

    def stands_in(self, text: str) -> bool:
        """Return whether it does, with something in each of its places."""
        parts = _PLACE.split(self.text.replace("`", ""))
        wanted = r"\s*[^{}]+?\s*".join(re.escape(" ".join(it.split())) for it in parts)
        return re.search(wanted, text) is not None
