"""What is joined, what is tried alone, and that everybody hears how it ended."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import column, table, update

from perijove.model.errors import DatabaseAway, Stale
from perijove.store.statement import Query, Statement, write
from perijove.store.together import Blocked, Together

_ROWS = table("rows", column("id"), column("value"))
CHANGE, OTHER = Query(update(_ROWS).values(value=1)), Query(update(_ROWS).values(value=2))
RAISE = Query(update(_ROWS).values(value=3), hot=True)
Statements = Sequence[Statement[Any]]


def change(id: int, query: Query = CHANGE) -> tuple[Statement[None], ...]:
    """Return a transaction that changes row `id` and raises the version."""
    return write(query, {"was_id": id}), write(RAISE, {})


class Server:
    """Notes the rows of each transaction; the first waits until it is let go."""

    def __init__(self, refuse: Callable[[list[Any]], Exception | None] | None = None) -> None:
        self.ran: list[list[Any]] = []
        self.go = asyncio.Event()
        self._refuse = refuse

    async def __call__(self, statements: Statements, *, joined: bool = False) -> None:
        rows = [it.parameters["was_id"] for it in statements if "was_id" in it.parameters]
        assert joined is (len(rows) > 1)
        assert [it.query.hot for it in statements] == sorted(it.query.hot for it in statements)
        self.ran.append(rows)
        if len(self.ran) == 1:
            await self.go.wait()
        if self._refuse and (failure := self._refuse(rows)):
            raise failure


async def begun(server: Server, together: Together) -> asyncio.Task[None]:
    """Return the write of row 0, once it is under way."""
    first = asyncio.create_task(together.write(change(0)))
    async with asyncio.timeout(20):
        while not server.ran:
            await asyncio.sleep(0)
    return first


async def behind(
    server: Server, together: Together, *transactions: tuple[Statement[None], ...]
) -> list[BaseException | None]:
    """Return how `transactions` end, which come while another is under way."""
    first = await begun(server, together)
    rest = [asyncio.create_task(together.write(it)) for it in transactions]
    await asyncio.sleep(0)
    server.go.set()
    await first
    async with asyncio.timeout(20):
        return await asyncio.gather(*rest, return_exceptions=True)


async def test_what_comes_while_one_is_under_way_is_one_transaction_by_row() -> None:
    server = Server()
    assert await behind(server, Together(server), *map(change, (3, 1, 2))) == [None] * 3
    assert server.ran == [[0], [1, 2, 3]]


async def test_no_more_are_joined_than_64_and_only_those_of_the_same_queries() -> None:
    server = Server()
    crowd = [*map(change, range(1, 101)), change(101, OTHER), change(102)]
    assert await behind(server, Together(server), *crowd) == [None] * 102
    assert server.ran == [[0], [*range(1, 65)], [*range(65, 101)], [101], [102]]


async def test_what_nobody_shares_waits_for_nobody() -> None:
    server = Server()
    together = Together(server)
    first = await begun(server, together)
    await together.write((write(CHANGE, {"was_id": 7}),))
    assert server.ran == [[0], [7]]
    server.go.set()
    await first


@pytest.mark.parametrize("failure", [Stale(), Blocked(), ValueError("a bug")])
async def test_if_one_cannot_be_each_is_tried_alone(failure: Exception) -> None:
    """Nobody is Blocked alone: then it waits, and is right or not."""

    def refuse(rows: list[Any]) -> Exception | None:
        alone = Stale() if isinstance(failure, Blocked) else failure
        return (failure if len(rows) > 1 else alone) if 2 in rows else None

    server = Server(refuse)
    ended = await behind(server, Together(server), *map(change, (1, 2, 3)))
    assert ended[0] is ended[2] is None
    assert isinstance(ended[1], Stale | ValueError)
    assert server.ran == [[0], [1, 2, 3], [1], [2], [3]]


async def test_one_that_waits_alone_keeps_nobody_behind_it() -> None:
    released = asyncio.Event()

    class Slow(Server):
        async def __call__(self, statements: Statements, *, joined: bool = False) -> None:
            await super().__call__(statements, joined=joined)
            if self.ran[-1] == [2]:
                await released.wait()

    server = Slow(lambda rows: Blocked() if len(rows) > 1 and 2 in rows else None)
    together = Together(server)
    ended = asyncio.create_task(behind(server, together, *map(change, (1, 2, 3))))
    async with asyncio.timeout(20):
        while [2] not in server.ran:
            await asyncio.sleep(0)
        await together.write(change(9))
    assert not ended.done()
    released.set()
    assert await ended == [None] * 3


async def test_when_the_database_is_away_nobody_knows_and_nothing_is_tried_again() -> None:
    server = Server(lambda rows: DatabaseAway() if len(rows) > 1 else None)
    ended = await behind(server, Together(server), *map(change, (1, 2)))
    assert all(isinstance(it, DatabaseAway) for it in ended)
    assert server.ran == [[0], [1, 2]]


async def test_who_gives_up_waiting_takes_nobody_along() -> None:
    server = Server()
    together = Together(server)
    first = await begun(server, together)
    rest = [asyncio.create_task(together.write(change(it))) for it in (1, 2)]
    await asyncio.sleep(0)
    rest[0].cancel()
    await asyncio.sleep(0)
    server.go.set()
    await asyncio.gather(first, rest[1])
    assert rest[0].cancelled()
