"""Random secrets, and the digests that are stored in their place."""

import hashlib
import secrets
import string
import uuid

_ALPHABET = (string.ascii_letters + string.digits).encode()
_ROUNDS = 256 // len(_ALPHABET)
_LETTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_ROUNDS * len(_ALPHABET), 256))
"""Bytes that would make some letters likelier than others."""


def digest(secret: str) -> str:
    """Return what is stored for a random `secret`: one round, for it cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def letters(count: int) -> str:
    """Return `count` random letters and digits."""
    found = b""
    while len(found) < count:
        found += secrets.token_bytes(count).translate(_LETTERS, _UNFAIR)
    return found[:count].decode()


def hexadecimal() -> str:
    """Return 32 random hexadecimal digits, in the form of a UUID without its hyphens."""
    return uuid.uuid4().hex
