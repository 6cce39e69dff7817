"""Activity: who and what was last used when; kept in memory and written in batches."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perijove.core.feed import Feed
from perijove.core.names import LONGEST
from perijove.kit.clock import Clock
from perijove.model.errors import Invalid
from perijove.model.idle import Use
from perijove.model.server import Server
from perijove.model.user import User
from perijove.store import activity as store
from perijove.store import servers
from perijove.store.database import Database

logger = logging.getLogger(__name__)

_TOO_FAR = timedelta(minutes=59)
_TOGETHER = 200
_PROBABLE = 32
"""Servers of one person that say at once what they do."""


@dataclass(slots=True, kw_only=True)
class Activity:
    """Times go only forward. What a kill loses is told again, or asked for (core.cull)."""

    database: Database
    clock: Clock
    feed: Feed
    every: float = 10.0
    """Seconds between two batches."""
    _users: dict[int, datetime] = field(init=False, default_factory=dict[int, datetime])
    _servers: dict[int, datetime] = field(init=False, default_factory=dict[int, datetime])
    _tokens: dict[int, datetime] = field(init=False, default_factory=dict[int, datetime])
    _reports: dict[int, tuple[datetime, datetime]] = field(
        init=False, default_factory=dict[int, tuple[datetime, datetime]]
    )
    """Of each server: when it was last in use, as it says, and when it said so."""

    def note_user(self, user_id: int, at: datetime | None = None) -> None:
        """Note that a person did something, now or at `at`."""
        _forward(self._users, user_id, at or self.clock())

    def note_server(self, server_id: int, at: datetime | None = None) -> None:
        """Note that a server was used, now or at `at`."""
        _forward(self._servers, server_id, at or self.clock())

    def note_use(self, server_id: int, used: datetime) -> None:
        """Note that a server says now that it was last in use at `used`."""
        known = self._reports.get(server_id)
        self._reports[server_id] = (max(used, known[0]) if known else used, self.clock())

    def note_token(self, token_id: int, at: datetime | None = None) -> None:
        """Note that a token was shown, now or at `at`."""
        _forward(self._tokens, token_id, at or self.clock())

    async def report(
        self, user: User, at: datetime | None, of_servers: Mapping[str, datetime]
    ) -> None:
        """Note what a server says of itself and its owner, or nothing of it.

        Raises:
            Invalid: no time at all, one too far in the future, or a server that `user` has not.
        """
        if at is None and not of_servers:
            raise Invalid("bad-body", field="last_activity")
        at = self._told(at) if at else None
        of_servers = {name: self._told(moment) for name, moment in of_servers.items()}
        ids = self._running(user, of_servers)
        if len(ids) < len(of_servers):
            ids = {it.name: it.id for it in await self.database.read(servers.of(user.id))}
        for name in of_servers:
            if name not in ids:
                raise Invalid("no-such-server", server=f"{user.name}/{name}")
        if at:
            self.note_user(user.id, at)
        for name, moment in of_servers.items():
            self.note_server(ids[name], moment)
            self.note_use(ids[name], min(moment, self.clock()))

    def _running(self, user: User, names: Collection[str]) -> dict[str, int]:
        """Return the ids of those of these servers of `user` that have a route."""
        if len(names) > _PROBABLE or any(len(name) > LONGEST for name in names):
            return {}
        feed = self.feed
        found = {name: feed.server(feed.key(user.name, name)) for name in names}
        return {name: it.id for name, it in found.items() if it and it.user_id == user.id}

    def on_routes(self, times: Mapping[str, datetime]) -> None:
        """Note what the proxy has counted, by prefix; prefixes that are gone are ignored.

        Raises:
            Invalid: a time is too far in the future.
        """
        told = {path: self._told(moment) for path, moment in times.items()}
        for path, moment in told.items():
            self.note_route(path, moment)

    def note_route(self, path: str, at: datetime) -> None:
        """Note that the server behind `path` was used at `at` by our clock, if there is one."""
        server = self.feed.server(path)
        if server is not None:
            self.note_server(server.id, at)
            self.note_user(server.user_id, at)

    def of_server(self, server: Server) -> datetime | None:
        """Return when `server` was last used, written down or not."""
        return _later(server.last_activity, self._servers.get(server.id))

    def of_user(self, user: User) -> datetime | None:
        """Return when `user` was last active, written down or not."""
        return _later(user.last_activity, self._users.get(user.id))

    async def people_since(self, at: datetime) -> int:
        """Return how many people did something since `at`; the last seconds may be missing."""
        return await self.database.read(store.people_since(at))

    def of_token(self, token_id: int, written: datetime | None) -> datetime | None:
        """Return when a token was last shown, written down or not."""
        return _later(written, self._tokens.get(token_id))

    def use(self, server: Server) -> Use:
        """Return what is known of the use of `server`, written down or not."""
        used, told = self._reports.get(server.id, (None, None))
        return Use(
            used=_later(server.used, used),
            told=_later(server.told, told),
            traffic=self.of_server(server),
            keep_until=server.keep_until,
        )

    async def run(self) -> None:
        """Write what was noted every so often, until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(self.every)
                try:
                    await self.flush()
                except OSError as error:
                    logger.warning("activity is not written: %s; trying again later", error)
                except Exception:
                    logger.exception("activity is not written; trying again later")
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what was noted; what cannot be written is kept for the next time.

        By id, as whoever else changes many rows (store.together): none waits for each other then.
        """
        kinds = (
            (self._users, store.of_user),
            (self._servers, store.of_server),
            (self._tokens, store.of_token),
        )
        for noted, statement in kinds:
            while batch := dict(sorted(noted.items())[:_TOGETHER]):
                await self.database.write(*(statement(id, at) for id, at in batch.items()))
                for id, at in batch.items():
                    if noted.get(id) == at:
                        del noted[id]

        while reports := dict(sorted(self._reports.items())[:_TOGETHER]):
            await self.database.write(*(store.of_report(id, *it) for id, it in reports.items()))
            for id, it in reports.items():
                if self._reports.get(id) == it:
                    del self._reports[id]

    def _told(self, moment: datetime) -> datetime:
        """Return `moment` by our clock, which no step of the wall has moved."""
        try:
            ours = self.clock.told(moment)
        except OverflowError as error:
            raise Invalid("in-the-future") from error
        if ours - self.clock() > _TOO_FAR:
            raise Invalid("in-the-future")
        return ours


def _forward(noted: dict[int, datetime], id: int, at: datetime) -> None:
    known = noted.get(id)
    if known is None or known < at:
        noted[id] = at


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
