"""Together: transactions of one hub that write the same row are committed as one."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, takewhile
from typing import Any, Protocol, TypeAlias

from perijove.kit.tasks import settle
from perijove.store.statement import Statement

_MOST = 64

Several: TypeAlias = Sequence[Statement[Any]]


class Blocked(Exception):
    """Others hold a row that a joined transaction needs; nothing was written."""


class Commit(Protocol):
    """Runs statements as one transaction."""

    def __call__(self, statements: Several, *, joined: bool = False) -> Awaitable[None]:
        """Run them; `joined` ones are of many callers, and wait for nobody.

        Raises:
            Blocked: joined ones would have to wait for others.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Transaction:
    statements: Several
    done: asyncio.Future[None]


class Together:
    """Joins what waits while another such transaction is under way, if it runs the same queries.

    Each would wait for the lock of the row that they share, until the commit before it is on the
    disk of a server some way off. A transaction is data, so those that wait can be one; if that
    one fails by what one of them has written, or waits for, each is tried alone, and those behind
    go on meanwhile.
    """

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._line: list[_Transaction] = []
        self._work: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()

    async def write(self, statements: Several) -> None:
        """Commit `statements`, alone or with others; raises what committing them raises."""
        if not any(statement.query.hot for statement in statements):
            return await self._commit(statements)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._line.append(_Transaction(statements, done))
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._line:
            batch = list(takewhile(partial(_alike, self._line[0]), self._line[:_MOST]))
            del self._line[: len(batch)]
            if len(batch) == 1:
                await self._settle(batch, batch[0].statements)
            else:
                await self._join(batch)

    async def _join(self, batch: Sequence[_Transaction]) -> None:
        """Commit `batch` as one, or begin to commit each alone."""
        batch = sorted(batch, key=_row)
        again = await self._settle(batch, _joined(batch), joined=True)
        for transaction in again:
            task = asyncio.create_task(self._one(transaction))
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)

    async def _one(self, transaction: _Transaction) -> None:
        await self._settle([transaction], transaction.statements)

    async def _settle(
        self, batch: Sequence[_Transaction], statements: Several, *, joined: bool = False
    ) -> Sequence[_Transaction]:
        """Commit, and tell those who wait; return those that have to be tried again, alone."""
        failure: Exception | None = None
        try:
            await self._commit(statements, joined=joined)
        except asyncio.CancelledError:  # the loop ends
            for transaction in batch:
                transaction.done.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where the write was asked for
            failure = error
        if joined and failure is not None and not isinstance(failure, OSError):
            return batch
        for transaction in batch:
            settle(transaction.done, None, failure)
        return ()


def _alike(one: _Transaction, other: _Transaction) -> bool:
    """Return whether they run the same queries in the same order."""
    return [it.query for it in one.statements] == [it.query for it in other.statements]


def _row(transaction: _Transaction) -> int:
    """Return the id of the row that is changed first: by it everybody locks many rows in order."""
    found = transaction.statements[0].parameters.get("was_id")
    return found if isinstance(found, int) else 0


def _joined(batch: Sequence[_Transaction]) -> Several:
    """Return the first statements of all, then the second ones: each keeps its order."""
    every = (transaction.statements for transaction in batch)
    return list(chain.from_iterable(zip(*every, strict=True)))
