"""Amounts of memory and of time, as values files and KubeSpawner write them."""

import re
from datetime import timedelta
from typing import Any

from perijove.model.errors import Refused

LONGEST_START = 31_536_000
"""Seconds: a year. Values files hold such, meaning for ever."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?")


def memory(given: str | float | None) -> int | None:
    """Return the bytes that `given` is: a number, or `512M`, `1G`, `1Gi` (all in steps of 1024).

    Raises:
        Refused: it is neither.
    """
    if given is None or given in {"", 0}:
        return None
    if isinstance(given, int | float):
        return int(given)
    found = _BYTES.fullmatch(given.strip())
    if found is None:
        raise Refused("bad-amount", amount=given[:100])
    return int(float(found[1]) * _UNITS[found[2]])


def start_timeout(given: Any) -> timedelta | None:
    """Return for how long a start may take; None: `given` is no whole number, of 1 s to a day."""
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= LONGEST_START:
        return None
    return timedelta(seconds=given)
