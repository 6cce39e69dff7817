"""How fast one caller may call the API: a program that runs wild harms nobody else.

Who is asked about (GET /user), and what servers and proxies tell of their use, is not counted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from perijove.model.errors import Busy
from perijove.model.principal import Principal

_SAVED = 20.0
"""Seconds of calls that may come at once, after a rest."""
_TRUSTED = 50.0
"""Services and administrators may call so many times as fast: a culler stops all servers."""
_MOST = 20_000
"""Callers that are remembered."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """Counts the calls of each caller, in this process."""

    rate: float = 20.0
    """Calls in a second, for long; 0: any number."""
    refused: int = 0
    """How many were too many, since the start."""
    clock: Callable[[], float] = monotonic
    _due: dict[tuple[str, str], float] = field(
        init=False, default_factory=dict[tuple[str, str], float]
    )
    """When what a caller has asked for is paid off, of each who asked a moment ago."""

    def take(self, caller: Principal) -> None:
        """Count a call.

        Raises:
            Busy: there were too many; the parameter says when to come again.
        """
        if not self.rate:
            return
        rate = self.rate
        if caller.admin or caller.kind == "service":
            rate *= _TRUSTED
        key, now = (caller.kind, caller.name), self.clock()
        due = max(self._due.get(key, 0.0), now)
        if due - now > _SAVED:
            self.refused += 1
            raise Busy(retry_after=math.ceil(due - now - _SAVED))
        if len(self._due) >= _MOST:
            self._due = {it: when for it, when in self._due.items() if when > now}
        self._due[key] = due + 1 / rate
