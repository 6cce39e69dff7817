"""Spoken: the head of a request of HTTP/2 as HTTP/1.1 has it, and that of an answer back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from perijove.proxy.refusal import Refusal

Fields = list[tuple[bytes, bytes]]
_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))
_NAMES = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9a-z]++\n)*+")
_OF_ONE_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNKED = b"transfer-encoding: chunked\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: bytes
    head: bytes
    """As HTTP/1.1 has it. What is wrong with it there is wrong with it here."""
    length: int | None
    """Of the body; None: nobody knows, and it goes on in chunks."""


def asked(fields: Iterable[tuple[bytes, bytes]], *, whole: bool) -> Asked:
    """Return what the fields of a request say (RFC 9113, 8.3); `whole`: there is no body.

    Raises:
        Refusal: they are malformed.
    """
    pseudo: dict[bytes, bytes] = {}
    lines, crumbs, names = list[bytes](), list[bytes](), list[bytes]()
    length, host = 0 if whole else None, None
    for name, value in fields:
        if name[:1] == b":":
            if names or name in pseudo or name not in _PSEUDO:
                raise Refusal(400, "malformed")
            pseudo[name] = value
            continue
        names.append(name)
        if name == b"cookie":
            crumbs.append(value)
        elif name == b"host":
            host = value if host in {None, value} else b""
        else:
            length = _length(name, value, length, whole=whole)
            lines.append(b"%b: %b\r\n" % (name, value))
    if not _NAMES.fullmatch(b"\n".join(names) + b"\n" if names else b""):
        raise Refusal(400, "malformed")
    if crumbs:
        lines.append(b"cookie: %b\r\n" % b"; ".join(crumbs))
    if length is None:
        lines.append(_CHUNKED)
    return Asked(pseudo.get(b":method", b""), _head(pseudo, host, lines), length)


def _length(name: bytes, value: bytes, length: int | None, *, whole: bool) -> int | None:
    """Return the length of the body, as far as it is known after a field."""
    if name == b"content-length":
        if not _LENGTH.fullmatch(value) or (whole and int(value)):
            raise Refusal(400, "bad-length")
        return int(value)
    blank = value != value.strip(b" \t")
    if blank or name in _OF_ONE_HOP or (name == b"te" and value.lower() != b"trailers"):
        raise Refusal(400, "malformed")
    return length


def _head(pseudo: dict[bytes, bytes], host: bytes | None, lines: list[bytes]) -> bytes:
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    authority = pseudo.get(b":authority", host)
    if not authority or host not in {None, authority} or b":scheme" not in pseudo:
        raise Refusal(400, "malformed")
    if path[:1] != b"/" or method == b"CONNECT":
        raise Refusal(400, "bad-target")
    start = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, path, authority)
    head = b"%b%b\r\n" % (start, b"".join(lines))
    ends = len(lines) + 3
    if head.count(b"\r") != ends or head.count(b"\n") != ends:  # a field that would be two
        raise Refusal(400, "malformed")
    return head


class Answer:
    """The head of an answer, while it is being read."""

    __slots__ = ("endless", "fields", "status")

    def __init__(self) -> None:
        self.status = b""
        self.fields: Fields = []
        self.endless = True
        """Whether it ends with its connection."""

    def add(self, name: bytes, value: bytes) -> None:
        """Take a field; those of one hop go no further."""
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self.endless = False
        if name not in _OF_ONE_HOP:
            self.fields.append((name, value))
