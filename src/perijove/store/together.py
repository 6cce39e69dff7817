"""Together: transactions of one hub that write the same row are committed as one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, takewhile
from typing import Any, TypeAlias

from perijove.kit.tasks import settle
from perijove.store.statement import Statement

_MOST = 64

Commit: TypeAlias = Callable[[Sequence[Statement[Any]]], Awaitable[None]]
"""Runs statements as one transaction."""


@dataclass(frozen=True, slots=True)
class _Transaction:
    statements: tuple[Statement[Any], ...]
    done: asyncio.Future[None]


class Together:
    """Joins what waits while another such transaction is under way, if it runs the same queries.

    Each would wait for the lock of the row that they share, until the commit before it is on the
    disk of a server some way off. A transaction is data, so those that wait can be one; if that
    one fails by what only one of them has written, each is tried alone.
    """

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._line: list[_Transaction] = []
        self._work: asyncio.Task[None] | None = None

    async def write(self, statements: tuple[Statement[Any], ...]) -> None:
        """Commit `statements`, alone or with others; raises what committing them raises."""
        loop = asyncio.get_running_loop()
        if not any(statement.query.hot for statement in statements):
            return await self._commit(statements)
        done: asyncio.Future[None] = loop.create_future()
        self._line.append(_Transaction(statements, done))
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._run())
        await done
        return None

    async def _run(self) -> None:
        try:
            while self._line:
                batch = list(takewhile(partial(_alike, self._line[0]), self._line[:_MOST]))
                del self._line[: len(batch)]
                await self._join(batch)
        finally:
            for left in self._line:  # the loop ends
                left.done.cancel()

    async def _join(self, batch: Sequence[_Transaction]) -> None:
        failure: Exception | None = None
        try:
            await self._commit(_joined(batch))
        except Exception as error:  # noqa: BLE001 - it is raised where the write was asked for
            failure = error
        if failure is None or isinstance(failure, OSError) or len(batch) == 1:
            for transaction in batch:
                settle(transaction.done, None, failure)
            return
        for transaction in batch:
            await self._join([transaction])


def _alike(one: _Transaction, other: _Transaction) -> bool:
    """Return whether they run the same queries in the same order."""
    return [it.query for it in one.statements] == [it.query for it in other.statements]


def _joined(batch: Sequence[_Transaction]) -> list[Statement[Any]]:
    """Return the first statements of all, then the second ones: each keeps its order."""
    every = (transaction.statements for transaction in batch)
    return list(chain.from_iterable(zip(*every, strict=True)))
