"""Log lines: an event and its fields; never a query string, a cookie or a token."""

import json
import logging

from perijove.kit.clock import Clock

_LINES_PER_SECOND = 20


class Log:
    """One line an event. Of one kind at most a few a second; the rest is counted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logger = logging.getLogger("perijove.proxy")
        self._second: dict[str, tuple[int, int]] = {}

    def __call__(self, level: int, event: str, **fields: str | int | None) -> None:
        """Write a line at `level` of logging."""
        if not self._logger.isEnabledFor(level):
            return
        this = int(self._clock().timestamp())
        second, count = self._second.get(event, (this, 0))
        if second != this:
            fields |= {"left_out": count - _LINES_PER_SECOND} if count > _LINES_PER_SECOND else {}
            count = 0
        self._second[event] = this, count + 1
        if count < _LINES_PER_SECOND:
            told = (f"{name}={json.dumps(value)}" for name, value in fields.items())
            self._logger.log(level, "%s", " ".join((event, *told)))
