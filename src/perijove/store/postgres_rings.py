"""What hubs tell each other through PostgreSQL: NOTIFY, heard on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg

CHANNEL = "perijove"
_MOST = 10_000
"""Words that wait; the oldest of more are forgotten, for they are only hints."""
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def heard(url: str) -> AsyncIterator[str]:
    """Yield what is told on the channel of the database at `url`.

    Raises:
        OSError: the connection cannot be made, or is lost.
    """
    words = asyncio.Queue[str | None](_MOST)

    def put(word: str | None) -> None:
        if words.full():
            words.get_nowait()
        words.put_nowait(word)

    try:
        connection: _Connection = await asyncpg.connect(url)
    except asyncpg.PostgresError as error:
        raise ConnectionError(str(error)) from error
    try:
        connection.add_termination_listener(lambda _: put(None))
        await connection.add_listener(CHANNEL, lambda *told: put(str(told[3])))
        while (word := await words.get()) is not None:
            yield word
        raise ConnectionResetError("PostgreSQL has closed the connection")
    finally:
        connection.terminate()
