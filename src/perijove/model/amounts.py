"""Amounts of memory, as values files and KubeSpawner write them."""

import re

from perijove.model.errors import Refused

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
