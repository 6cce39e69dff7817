"""Text that every database can hold: no NUL (PostgreSQL), no half of a surrogate pair (UTF-8)."""


def storable(text: str) -> bool:
    """Return whether `text` can be stored; if not, nothing that is stored equals it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def stored_as(text: str) -> str:
    """Return `text` with what cannot be stored replaced."""
    if storable(text):
        return text
    encoded = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    return encoded.decode()
