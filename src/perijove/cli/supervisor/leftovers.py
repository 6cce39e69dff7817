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
        holder = hold.holder()
        if hold.free() or holder is None:
            continue
        say(f"Replacing the {part} of an earlier run (process {holder.pid}).")
        holder.send(signal.SIGTERM)
        if _released(hold, _GENTLY, wait):
            continue
        holder.send(signal.SIGKILL)
        if not _released(hold, _BY_FORCE, wait):
            raise Trouble(
                f"The {part} of an earlier run (process {holder.pid}) does not end:"
                f" end it with `kill -9 {holder.pid}`, then run `perijove up` again."
            )


def _released(hold: Hold, patience: float, wait: Callable[[float], None]) -> bool:
    end = monotonic() + patience
    while not hold.free():
        if monotonic() > end:
            return False
        wait(0.05)
    return True
