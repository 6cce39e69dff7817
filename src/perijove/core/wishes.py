"""Wishes: write that a server is to run or to end, with the phase that this leads to.

Both are written as the reconciler would, so that a start or a stop costs one commit less.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from perijove.core.admission import Admission
from perijove.core.devices import Allotment
from perijove.core.memory import Shelf
from perijove.core.transition import Transitions
from perijove.model.decide import Enter, Patience, decide, ending
from perijove.model.errors import Busy, Stale
from perijove.model.server import Desired, Phase, Server
from perijove.model.workload import GONE
from perijove.store import room, servers
from perijove.store.database import Database
from perijove.store.statement import Statement

_RETRY_AFTER = (30, 60)
"""Seconds, one of them by chance: those who were refused at once do not come back at once."""


@dataclass(slots=True, kw_only=True)
class Wishes:
    """Writes them, and has somebody look at the server."""

    database: Database
    transitions: Transitions
    admission: Admission
    allotment: Allotment
    enter: Callable[[Server, Enter], Awaitable[Server]]
    """Writes a row in its next phase; core.reconcile."""
    nudge: Callable[[Server], None]
    shelf: Shelf[list[Server]]
    """Cleared whenever a row of this replica changes."""
    most: int | None = None
    """How many servers may be not at rest; None: any number."""

    async def run(
        self, was: Server | None, wish: Server, *also: Statement[None], in_line: bool
    ) -> Server | None:
        """Write a wish to run, if `also` holds; None if somebody else was faster.

        `in_line`: wait in the queue if too many are starting.

        Raises:
            Busy: too many are starting, or run, or others have the devices.
        """
        await self.admission.sure(self.database)
        if self.most is not None:
            if await self.database.read(room.how_many()) >= self.most:
                raise Busy("all-in-use", most=self.most)
            also = (*also, room.one_by_one(), room.few(self.most))
        also = (*also, *self.allotment.confirmed(wish))
        now = self.transitions.clock()
        step = decide(wish, GONE, now, Patience(), room=self.admission.room(wish))
        assert isinstance(step, Enter)
        if step.phase is Phase.QUEUED and not in_line:
            raise Busy("too-many-starts", retry_after=random.randint(*_RETRY_AFTER))  # noqa: S311
        new, (write, *log) = self.transitions.enter(wish, step)
        self.admission.see(new)  # before the next request is looked at
        try:
            await self.database.write(write if was else servers.add(new), *log, *also)
        except BaseException as error:
            self.admission.forget(wish)
            if isinstance(error, Stale):
                self.admission.doubt()
                return None
            raise
        return self._written(new)

    async def end(self, was: Server, desired: Desired) -> Server | None:
        """Write that `was`, a row, is to be `desired`; None if somebody else was faster."""
        wish = replace(was, desired=desired)
        try:
            if step := ending(wish):
                return self._written(await self.enter(wish, step))
            new = replace(wish, version=was.version + 1)
            await self.database.write(servers.change(was, new))
        except Stale:
            return None
        return self._written(new)

    def _written(self, new: Server) -> Server:
        self.shelf.clear()
        self.nudge(new)
        return new
