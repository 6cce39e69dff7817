"""KeyRing: JSON sealed with the first of several keys, and read with any of them (Fernet).

As JupyterHub's CryptKeeper, so that each reads what the other has sealed. See the Fernet
specification (github.com/fernet/spec) and JupyterHub's crypto.py for the three forms of a key.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import unhexlify
from collections.abc import Sequence
from typing import Any

BYTES = 32
"""Of a key."""
_HEX, _BASE64 = re.compile(r"[0-9a-fA-F]{64}"), re.compile(r"[A-Za-z0-9+/_-]{43}=")
_URLSAFE = str.maketrans("+/", "-_")
_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Unreadable(Exception):
    """None of the keys opens it, or what is in it is no JSON."""


def key_of(text: str) -> bytes:
    """Return the 32 bytes that `text` says: 64 hexadecimal digits, 44 of base64, or themselves.

    Raises:
        ValueError: it says none. The text is not in the words, which may be shown.
    """
    if _HEX.fullmatch(text):
        return unhexlify(text)
    if _BASE64.fullmatch(text):
        return urlsafe_b64decode(text.translate(_URLSAFE))
    if len(text) == BYTES and text.isascii():
        return text.encode()
    raise ValueError(
        f"a key has 32 bytes, written as 64 hexadecimal digits or 44 characters of base64, and not"
        f" as {len(text)} characters; `openssl rand -hex 32` makes one"
    )


class KeyRing:
    """Keys, the one that seals first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - 0.1 s, seldom wanted

        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])

    def seal(self, tree: Any) -> str:
        """Return what is stored for a JSON value: about 4/3 of its length, and 100 characters."""
        return self._fernet.encrypt(_ENCODED(tree).encode()).decode()

    def open(self, sealed: str) -> Any:
        """Return the JSON value that was sealed.

        Raises:
            Unreadable: it was by a key that is not here, or it was changed.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

        try:
            return json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError, RecursionError) as error:
            raise Unreadable from error
