"""The one spelling of a path: what a proxy, the hub and a server must agree on (decisions.md)."""

from urllib.parse import quote, unquote_to_bytes


def canonical(path: str) -> str:
    """Return `path` with unreserved bytes, '@' and '~' as themselves, others as %XX.

    Segment by segment, so an escaped slash stays one.
    """
    return "/".join(quote(unquote_to_bytes(part), safe="@~") for part in path.split("/"))


def under(prefix: str, path: str) -> str:
    """Return `path` with its beginning spelled as `prefix` is, if it is below `prefix`.

    The rest stays as it came: the names of files are for Jupyter Server to read.
    """
    if path.startswith(prefix):
        return path
    depth = prefix.count("/")
    parts = path.split("/")
    if len(parts) == depth and canonical(path) == canonical(prefix[:-1]):
        return prefix[:-1]
    head, rest = "/".join(parts[:depth]) + "/", "/".join(parts[depth:])
    same = len(parts) > depth and canonical(head) == canonical(prefix)
    return f"{prefix}{rest}" if same else path
