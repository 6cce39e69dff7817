"""MariaDB and MySQL: a few threads, each with a connection, that take work from one line.

No statement is ever broken off in the middle of an answer: who gives up waiting only leaves.
"""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic

import pymysql

from perijove.kit.line import Line
from perijove.kit.tasks import settle
from perijove.model.errors import DatabaseAway, Refused, Stale
from perijove.store.migrations.mysql import prepare
from perijove.store.mysql_connection import DIALECT, PATIENCE, Connection, connect
from perijove.store.mysql_words import AGAIN, STALE, code_of, in_our_words
from perijove.store.statement import Statement, T

_TOGETHER = 8
"""How many connections a hub has."""
_EACH = 0.01
"""Seconds more for every statement of a transaction: somebody may add 10,000 people at once."""
_TRIES = 10
_FRESH = 1.0
"""Seconds for which a connection that has answered is believed to do so again."""


@dataclass(frozen=True, slots=True)
class _Asked(Generic[T]):
    work: Callable[[Connection], T]
    done: "asyncio.Future[T]"


@dataclass(slots=True)
class _Session:
    """The connection of one thread, which is made again when it is lost."""

    url: str
    _connection: "Connection | None" = None
    _answered: float = field(default=0.0)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does on a connection that answers.

        Raises:
            DatabaseAway: there is none, or it was lost meanwhile.
        """
        with in_our_words():
            connection = self._ready()
            found = work(connection)
        self._answered = time.monotonic()
        return found

    def close(self) -> None:
        """Say good-bye, if anybody is there."""
        if self._connection is not None:
            with suppress(pymysql.Error):
                self._connection.close()
            self._connection = None

    def _ready(self) -> Connection:
        if self._connection is not None and time.monotonic() - self._answered > _FRESH:
            with suppress(pymysql.Error):  # then it is not open any more
                self._connection.ping()
        if self._connection is None or not self._connection.open:
            self.close()
            try:
                self._connection = connect(self.url, autocommit=True)
            except Refused as error:  # it let us in before
                raise DatabaseAway from error
        return self._connection


class MysqlDatabase:
    """A database that several replicas share; it has no bells, so everybody looks once a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._line: Line[_Asked[Any]] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work_until_none, daemon=True) for _ in range(_TOGETHER)
        ]

    @classmethod
    async def open(cls, url: str) -> "MysqlDatabase":
        """Connect to `url`, and bring its tables up to date.

        Raises:
            Refused: it holds something else, or cannot be used.
            DatabaseAway: it does not answer.
        """
        await asyncio.to_thread(prepare, url)
        database = cls(url)
        for thread in database._threads:
            thread.start()
        return database

    async def read(self, statement: Statement[T]) -> T:
        """Run it in a thread; what it finds is read here."""
        return statement.result(await self._ask(partial(_find, statement), PATIENCE))

    async def write(self, *statements: Statement[Any]) -> None:
        """Run them in a thread, between BEGIN and COMMIT."""
        await self._ask(partial(_commit, statements), PATIENCE + _EACH * len(statements))

    async def ring(self, words: str) -> None:
        """Nothing carries words."""

    async def rings(self) -> AsyncIterator[str]:
        """Hear nothing, for ever."""
        await asyncio.Event().wait()
        yield ""

    async def close(self) -> None:
        """Let the threads come to the end of their line."""
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def _ask(self, work: Callable[[Connection], T], patience: float) -> T:
        done: asyncio.Future[T] = self._loop.create_future()
        self._line.put(_Asked(work, done))
        try:
            async with asyncio.timeout(patience):
                return await done
        except TimeoutError as error:
            raise DatabaseAway from error

    def _work_until_none(self) -> None:
        session = _Session(self._url)
        while asked := self._line.get():
            if asked.done.done():
                continue  # nobody waits for it any more
            outcome = _outcome(session, asked.work)
            self._loop.call_soon_threadsafe(settle, asked.done, *outcome)
        session.close()


def _outcome(
    session: _Session, work: Callable[[Connection], T]
) -> tuple[T | None, Exception | None]:
    try:
        return session.run(work), None
    except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
        return None, error


def _find(statement: Statement[Any], connection: Connection) -> Sequence[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(*statement.on(DIALECT))
        return cursor.fetchall()


def _commit(statements: Sequence[Statement[Any]], connection: Connection) -> None:
    """Commit them as one transaction; again, if others and they waited for each other."""
    for _ in range(_TRIES):
        try:
            return _try(statements, connection)
        except pymysql.Error as error:
            if code_of(error) in STALE:
                raise Stale from error
            if code_of(error) not in AGAIN:
                raise
        time.sleep(random.uniform(0, 0.05))  # noqa: S311, TID251 - in a thread; no secret
    raise DatabaseAway("database-busy")


def _try(statements: Sequence[Statement[Any]], connection: Connection) -> None:
    connection.begin()
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                touched = cursor.execute(*statement.on(DIALECT))
                if statement.touches not in {None, touched}:
                    raise Stale(touched=touched)
        connection.commit()
    except BaseException:
        if connection.open:
            with suppress(pymysql.Error):  # then it is closed, which undoes it as well
                connection.rollback()
        raise
