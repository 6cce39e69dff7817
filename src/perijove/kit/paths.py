"""The one form of a path that proxy, hub and servers compare (decisions.md)."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

_PLAIN = re.compile(rb"(?:/(?!\.)[A-Za-z0-9_.~@-]*+)++")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x20\x7f#]|%[01][0-9A-Fa-f]|%7[Ff]")
_SAFE = "@~"


def canonical(path: bytes) -> bytes:
    """Return `path` as it is compared: two paths are the same if this is.

    Each segment is decoded and encoded again, so unreserved bytes, '@' and '~' stand for
    themselves and all others are upper-case escapes; '%2F' stays within its segment. Dot
    segments, escaped ones too, are resolved (RFC 3986, 5.2.4); empty segments stay.

    Raises:
        ValueError: an incomplete escape, or a control character, escaped or not.
    """
    if _PLAIN.fullmatch(path):
        return path
    if not path.startswith(b"/") or _CONTROL.search(path) or _BAD_ESCAPE.search(path):
        raise ValueError("no path")
    return b"/" + b"/".join(_resolve([_segment(part) for part in path[1:].split(b"/")]))


def has_dots(path: bytes) -> bool:
    """Return whether `path` has dot segments: the only ones that are not forwarded as sent."""
    if b"/." not in path and b"%2" not in path:
        return False
    return any(_segment(part) in (b".", b"..") for part in path.split(b"/"))


def without_dots(path: bytes) -> bytes:
    """Return `path` with its dot segments resolved and every other byte as sent."""
    return b"/" + b"/".join(_resolve(path[1:].split(b"/")))


def _segment(part: bytes) -> bytes:
    return quote_from_bytes(unquote_to_bytes(part), safe=_SAFE).encode()


def _resolve(parts: list[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    last = len(parts) - 1
    for index, part in enumerate(parts):
        plain = _segment(part) if part[:1] in (b".", b"%") else part
        if plain == b".." and kept:
            kept.pop()
        if plain not in (b".", b".."):
            kept.append(part)
        elif index == last:
            kept.append(b"")
    return kept
