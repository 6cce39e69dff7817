"""Supervise: start the parts, wait until they are healthy, bring back what dies."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from perijove.cli.supervisor.local import LocalHub
from perijove.cli.supervisor.orders import Orders
from perijove.cli.supervisor.part import Part, ending
from perijove.cli.trouble import FAILURE, Trouble

_PATIENCE = 90.0
_LOOK = 0.05
_HEARTBEAT = 1.0
"""Seconds between two looks at the logs; a death wakes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Knows that a part lives, nothing of what it does."""

    hub: Part
    proxy: Part | None
    """None: somebody else starts it."""
    orders: Orders
    say: Callable[[str], None]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return all that it starts."""
        return (self.hub, self.proxy) if self.proxy else (self.hub,)

    def start(self, itself: LocalHub, through_the_proxy: LocalHub) -> None:
        """Start the hub, then the proxy; return once the hub answers through it, or on a stop.

        Raises:
            Trouble: a part refuses to start, or nobody answers.
        """
        end = monotonic() + _PATIENCE
        for part, way in zip(self.parts, (itself, through_the_proxy), strict=False):
            part.start()
            while not way.healthy():
                if self.orders.stop:
                    return
                self._require_willing()
                self._revive()
                if monotonic() > end:
                    raise Trouble(f"The hub does not answer: see {part.log}.")
                self.orders.wait(_LOOK)

    def run(self) -> None:
        """Bring back what dies, until somebody asks to stop."""
        while not self.orders.stop:
            due = self._revive()
            self._reload()
            self._relay()
            self.orders.wait(min(due, _HEARTBEAT))

    def _reload(self) -> None:
        """Pass on what somebody has asked for; the proxy reads its certificate again."""
        if self.orders.reload:
            self.orders.reload = False
            self.say("The hub reads the configuration again; its log says what has changed.")
            for part in self.parts:
                part.reload()

    def _begun(self) -> list[Part]:
        """Return those that were started once."""
        return [part for part in self.parts if part.began]

    def _revive(self) -> float:
        """Start what is due; return seconds until the next one is."""
        for part in self._begun():
            told = part.revive()
            if told:
                self.say(told)
        waiting = [part.due - monotonic() for part in self._begun() if part.process is None]
        return min(waiting, default=_HEARTBEAT)

    def _relay(self) -> None:
        """Show the warnings of the parts, and keep their logs from filling the disk."""
        for part in self.parts:
            for line in part.warnings():
                self.say(f"{part.name}: {line}")
            part.trim()

    def _require_willing(self) -> None:
        """Raise if a part has ended by itself: it will do so again."""
        for part in self.parts:
            code = part.ended()
            if code is not None and code >= 0:
                words = part.last_words() or ending(code)
                raise Trouble(
                    f"The {part.name} does not start: {words} (its log: {part.log})",
                    exit_code=code or FAILURE,
                )
