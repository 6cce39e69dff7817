"""Request ids: what tells one request from all others, in every log that it comes by."""

import os
import re
from itertools import count
from secrets import token_hex

_GOOD = re.compile(rb"[A-Za-z0-9._:@=+/-]{1,128}")


class RequestIds:
    """Makes them of a part that this process alone has, and a number, between two texts."""

    def __init__(self, before: bytes = b"", after: bytes = b"") -> None:
        self._before, self._after = before, after
        self._renew()
        os.register_at_fork(after_in_child=self._renew)  # the child counts on from the same number

    def fresh(self) -> bytes:
        """Return one that nobody else has."""
        return self._form % self._next()

    def _renew(self) -> None:
        self._form = b"%b%b-%%d%b" % (self._before, token_hex(4).encode(), self._after)
        self._next = count(1).__next__


def is_good(told: bytes) -> bool:
    """Return whether an id that somebody else has made can be kept: short, and of plain signs."""
    return _GOOD.fullmatch(told) is not None
