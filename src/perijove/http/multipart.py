"""Forms that come as multipart/form-data (RFC 7578), read as those that come urlencoded are."""

import re

from perijove.model.errors import Invalid

KIND = "multipart/form-data"
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb';\s*name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(rb";\s*filename\*?=", re.IGNORECASE)
_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"))
"""What browsers write in a name instead (WHATWG HTML, multipart/form-data encoding)."""


def fields(content_type: str, body: bytes, most: int) -> dict[str, list[str]]:
    """Return every value of every name, in order; files are left out, since no form takes one.

    Raises:
        Invalid: no boundary, a part that names no field, more than `most` parts, no text.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Invalid("bad-form")
    line = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    parts = (b"\r\n" + body).split(line)
    if len(parts) > most + 2 or not parts[-1].startswith(b"--"):
        raise Invalid("bad-form")
    fields: dict[str, list[str]] = {}
    for part in parts[1:-1]:
        head, gap, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not gap or name is None:
            raise Invalid("bad-form")
        if not _FILE.search(head):
            fields.setdefault(_text(_unescaped(name[1])), []).append(_text(value))
    return fields


def _unescaped(name: bytes) -> bytes:
    for written, meant in _ESCAPES:
        name = name.replace(written, meant)
    return name


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid("bad-form") from error
