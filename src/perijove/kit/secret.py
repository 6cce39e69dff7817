"""Random secrets, and the digests that are stored in their place."""

import hashlib
import secrets
import string
import uuid

_ALPHABET = string.ascii_letters + string.digits


def digest(secret: str) -> str:
    """Return what is stored for a random `secret`: one round, for it cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def letters(count: int) -> str:
    """Return `count` random letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def hexadecimal() -> str:
    """Return 32 random hexadecimal digits, in the form of a UUID without its hyphens."""
    return uuid.uuid4().hex
