"""End what `up` has started: servers first (asked, then by force), then the parts."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from perijove.cli.supervisor.local import LocalHub
from perijove.cli.supervisor.orders import Orders
from perijove.cli.supervisor.part import Part, running
from perijove.cli.trouble import Trouble
from perijove.spawners.directory import Directory
from perijove.spawners.launcher import AT_ONCE, GENTLY

PATIENCE = 10.0
"""Seconds that a server has to save, before it is ended by force."""
_MARGIN = 3.0
_PARTS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Tells people what it waits for; a second Ctrl-C ends all patience."""

    hub: Part
    proxy: Part | None
    """None: somebody else's, who ends it."""
    local: LocalHub
    workloads: Path
    orders: Orders
    say: Callable[[str], None]

    def everything(self) -> None:
        """End the proxy, so that nobody starts one more; the servers; then the hub."""
        if self.proxy:
            self._end(self.proxy)
        if any(running((self.hub,))):
            self._through_the_hub()
        self._end(self.hub)
        self._by_hand()
        self.say("Stopped.")

    def parts_alone(self) -> None:
        """End the proxy and the hub; servers go on."""
        self._end(*((self.proxy, self.hub) if self.proxy else (self.hub,)))
        left = len(self._workloads())
        self.say(f"Stopped; {_servers(left)} left running." if left else "Stopped.")

    def _through_the_hub(self) -> None:
        """Let the hub stop them, so that its rows say that they were stopped."""
        end, told, asked = monotonic() + PATIENCE + _MARGIN, -1, set[tuple[str, str]]()
        while monotonic() < end and not self.orders.hurry:
            try:
                left = self.local.running()
                for server in set(left) - asked:
                    self.local.stop(*server)
                    asked.add(server)
            except (OSError, ValueError):
                return  # it is ill; what runs is ended by hand
            if not left:
                return
            if len(left) != told:
                told = len(left)
                self.say(f"Stopping {_servers(told)} (Ctrl-C again: by force) …")
            self.orders.wait(0.2)

    def _by_hand(self) -> None:
        """End what is left in the directories, without a hub."""
        found = self._workloads()
        if not found:
            return
        end = monotonic() + PATIENCE
        self.say(f"Stopping {_servers(len(found))} without the hub …")
        for directory in found:
            self._order(directory, GENTLY)
        while (left := self._workloads()) and monotonic() < end + _PARTS:
            if self.orders.hurry or monotonic() > end:
                for directory in left:
                    self._order(directory, AT_ONCE)
            self.orders.wait(0.1)
        if left:
            self.say(f"{_servers(len(left))} could not be ended: see {self.workloads}.")

    def _order(self, directory: Directory, order: signal.Signals) -> None:
        pid = directory.pid()
        if pid:
            pid.send(order)

    def _workloads(self) -> list[Directory]:
        """Return those that exist, whoever knows of them.

        Raises:
            Trouble: their place cannot be read.
        """
        try:
            found = [Directory(path) for path in self.workloads.iterdir()]
        except OSError as error:
            raise Trouble(
                f"{self.workloads} cannot be read ({error.strerror}), so servers that run go on:"
                " put it back, then run `perijove up` again, which finds them."
            ) from error
        return [directory for directory in found if directory.held()]

    def _end(self, *parts: Part) -> None:
        """Ask, wait, use force."""
        for part in parts:
            part.end()
        end = monotonic() + _PARTS
        while any(running(parts)) and monotonic() < end and not self.orders.hurry:
            self.orders.wait(0.1)
        for part in parts:
            part.kill()


def _servers(number: int) -> str:
    return "1 server" if number == 1 else f"{number} servers"
