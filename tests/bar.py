"""Sizes of tests that show a bar of the reliability contract: full ones in `make bar`."""

import os
from typing import TypeVar

Number = TypeVar("Number", int, float)
ASKED = os.environ.get("PERIJOVE_BAR", "")
"""The bar that runs at full size."""


def size(bar: int, usual: Number, full: Number) -> Number:
    """Return `full` if `bar` is asked for, else `usual`."""
    return full if str(bar) == ASKED else usual
