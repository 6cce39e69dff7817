"""Marks: the line of a head that says the id of a request, `X-Request-ID`."""

from perijove.kit.request_id import RequestIds, is_good
from perijove.proxy.head import Fields

_START, _END = b"X-Request-ID: ", b"\r\n"
NAME, _OTHER = b"x-request-id", b"x_request_id"
"""In lower case; to many servers '_' is '-'."""
fresh = RequestIds(_START, _END).fresh
"""Return the line with an id that nobody else has."""


def mark(fields: Fields, *, trusted: bool) -> bytes:
    """Return the line for the request of `fields`, and cut what they say.

    From a peer that is `trusted` an id is kept, if it is one.
    """
    named = fields.named
    if NAME not in named and _OTHER not in named:
        return fresh()
    fields.cut({NAME, _OTHER})
    told = named.get(NAME, b"")
    return _START + told + _END if trusted and is_good(told) else fresh()


def id_of(line: bytes) -> str:
    """Return the id that a line says; empty if there is no line."""
    return line[len(_START) : -len(_END)].decode()
