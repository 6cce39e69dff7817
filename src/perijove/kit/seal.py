"""Sealed text: given away and taken back, read and made by nobody else.

The tag is a keyed BLAKE2b of what is said and the mask SHAKE256 of the secret and the tag, as
SIV has it (RFC 5297): the same is sealed the same way, and nothing depends on a random number.
"""

import base64
import binascii
import hashlib
import hmac

_TAG = 16
_SECRET = 32


def sealed(secret: bytes, about: str, said: bytes) -> str:
    """Return `said` as letters of a URL; `about`: the same is needed to open it."""
    tag = _tag(secret, about, said)
    return base64.urlsafe_b64encode(tag + _masked(secret, tag, said)).rstrip(b"=").decode()


def opened(secret: bytes, about: str, given: str) -> bytes | None:
    """Return what was sealed; None: nobody with `secret` has sealed that."""
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    tag, rest = raw[:_TAG], raw[_TAG:]
    said = _masked(secret, tag, rest)
    return said if hmac.compare_digest(tag, _tag(secret, about, said)) else None


def _tag(secret: bytes, about: str, said: bytes) -> bytes:
    context = hashlib.sha256(about.encode("utf-8", "surrogatepass")).digest()
    return hashlib.blake2b(context + said, key=secret[:_SECRET], digest_size=_TAG).digest()


def _masked(secret: bytes, tag: bytes, data: bytes) -> bytes:
    mask = hashlib.shake_256(secret[:_SECRET] + tag).digest(len(data))
    mixed = int.from_bytes(mask, "big") ^ int.from_bytes(data, "big")
    return mixed.to_bytes(len(data), "big")
