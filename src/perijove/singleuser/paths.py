"""The one spelling of a path: what a proxy, the hub and a server must agree on."""

import re
import string

_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~@")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")


def canonical(path: str) -> str:
    """Return `path` with unreserved bytes and '@' unescaped, other escapes in upper case."""

    def spell(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if character in _PLAIN else f"%{found[1].upper()}"

    return _ESCAPE.sub(spell, path)


def under(prefix: str, path: str) -> str:
    """Return `path` with its beginning spelled as `prefix` is, if it is below `prefix`.

    The rest stays as it came: the names of files are for Jupyter Server to read.
    """
    depth = prefix.count("/")
    parts = path.split("/")
    head, rest = "/".join(parts[:depth]) + "/", "/".join(parts[depth:])
    same = len(parts) > depth and canonical(head) == canonical(prefix)
    return f"{prefix}{rest}" if same else path
