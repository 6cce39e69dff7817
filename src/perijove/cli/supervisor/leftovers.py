"""End the hub and the proxy that an earlier `up` has left behind, before new ones start."""

import signal
from collections.abc import Callable
from time import monotonic

from perijove.cli.box import Box
from perijove.cli.hold import Hold
from perijove.cli.trouble import Trouble

_GENTLY, _BY_FORCE = 10.0, 5.0


def end_leftovers(box: Box, say: Callable[[str], None], wait: Callable[[float], None]) -> None:
    """End whoever holds the locks of the hub and the proxy of `box`; servers are not touched.

    Raises:
        Trouble: somebody does not end.
    """
    for part in ("proxy", "hub"):
        hold = box.hold(part)
        if hold.free():
            continue
        say(f"Replacing the {part} of an earlier run{_named(hold)}.")
        if _ended(hold, signal.SIGTERM, _GENTLY, wait):
            continue
        if not _ended(hold, signal.SIGKILL, _BY_FORCE, wait):
            raise Trouble(
                f"The {part} of an earlier run{_named(hold)} does not end:"
                " end it with `kill -9`, then run `perijove up` again."
            )


def _ended(
    hold: Hold, order: signal.Signals, patience: float, wait: Callable[[float], None]
) -> bool:
    """Give the order to whoever holds it (one that has just begun signs a moment later)."""
    end, told = monotonic() + patience, None
    while not hold.free():
        if monotonic() > end:
            return False
        holder = hold.holder()
        if holder is not None and holder != told and holder.send(order):
            told = holder
        wait(0.05)
    return True


def _named(hold: Hold) -> str:
    holder = hold.holder()
    return f" (process {holder.pid})" if holder else ""
