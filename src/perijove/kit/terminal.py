"""The terminal that a program was started in: SIGHUP means two things."""

import os


class Terminal:
    """Tells a terminal that has gone from somebody who asks for a reload: both send SIGHUP."""

    def __init__(self) -> None:
        self._had = _there()

    def gone(self) -> bool:
        """Return whether there was one, and is no longer."""
        return self._had and not _there()


def _there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
