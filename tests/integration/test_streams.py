"""A stream ends with what opened it: within a second nothing that comes later is told any more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from perijove.app import Running
from perijove.http.cookies import LOGIN
from perijove.http.streams import Stream, guard
from perijove.kit.clock import Clock
from perijove.model.errors import Unavailable
from perijove.model.user import User
from perijove.settings import of
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.databases import SHARED
from tests.parts import ADMIN_TOKEN, hub, user

of({})  # settings read their tables when they are first used
SECOND = 8.0
"""And what a busy machine takes; the last that is told is measured in the tests of `guard`."""
PEOPLE, HOME, SPAWN = "/hub/people/stream", "/hub/home/stream", "/hub/spawn-stream/ada"
PROGRESS = "/hub/api/users/ada/server/progress"
Deed = Callable[[], Awaitable[Any]]


class Open:
    """A stream that a client reads."""

    def __init__(self, running: Running, path: str, **headers: str) -> None:
        self.status, self.text, self._left = 0, "", asyncio.Event()
        self._asked = False
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.9", 1), "server": ("hub.test", 80),
        }  # fmt: skip
        answering = running.app(scope, self._receive, self._send)
        self.answered = asyncio.ensure_future(answering)

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await self._left.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    async def leave(self) -> None:
        self._left.set()
        await self.answered


async def opened(running: Running, path: str, **headers: str) -> Open:
    """Return a stream of which the first part has come."""
    stream = Open(running, path, **headers)
    async with asyncio.timeout(20):
        while not stream.text:
            await asyncio.sleep(0.01)
    assert stream.status == 200, stream.text
    return stream


async def ended(stream: Open, seconds: float = SECOND) -> bool:
    done, _ = await asyncio.wait([stream.answered], timeout=seconds)
    return bool(done)


class Later(Clock):
    """A clock that can be set forward."""

    ahead = timedelta(0)

    def __call__(self) -> Any:
        return super().__call__() + self.ahead


@asynccontextmanager
async def starting(database: Database, **more: Any) -> AsyncIterator[tuple[Running, User]]:
    """Yield a hub, and ada, an administrator whose server starts and starts."""
    running = await hub(database, **more)
    ada = await user(running, admin=True)
    await running.hub.servers.start(ada, "", {})
    yield running, ada


async def by_cookie(running: Running, who: User, path: str) -> tuple[Open, Deed]:
    """Return a stream of a browser, and what signs out there."""
    secret, session = await running.hub.sessions.begin(who, address="", agent="")
    stream = await opened(running, path, cookie=f"{LOGIN}={secret}")
    return stream, partial(running.hub.sessions.end, session)


async def by_token(running: Running, who: User, **about: Any) -> tuple[Open, Deed]:
    """Return a stream of a program, and what deletes its token."""
    mine = (await running.hub.sessions.begin(who, address="", agent=""))[0]
    visitor = await running.hub.sessions.visitor(mine)
    assert visitor is not None
    token, secret = await running.hub.tokens.make(who, by=visitor.principal, **about)
    stream = await opened(running, PROGRESS, authorization=f"token {secret}")
    return stream, partial(running.hub.tokens.revoke, who, token.id)


async def test_a_stream_ends_with_the_session_or_token_that_opened_it_and_no_other(
    database: Database,
) -> None:
    async with starting(database) as (running, ada):
        pages = [await by_cookie(running, ada, path) for path in (PEOPLE, HOME, SPAWN, PROGRESS)]
        kept = [await by_cookie(running, ada, path) for path in (PEOPLE, HOME, SPAWN, PROGRESS)]
        given, other = await by_token(running, ada), await by_token(running, ada)
        by_ours = await opened(running, PROGRESS, authorization=f"token {ADMIN_TOKEN}")
        for _, end in (*pages, given):
            await end()
        lasting = [stream for stream, _ in (*kept, other)] + [by_ours]
        async with asyncio.timeout(SECOND):
            await asyncio.gather(*(stream.answered for stream, _ in (*pages, given)))
        assert not await ended(lasting[0], 0.2)
        assert not [it for it in lasting if it.answered.done()]
        for stream in lasting:
            await stream.leave()


async def test_who_is_blocked_is_told_of_nothing_more(database: Database) -> None:
    async with starting(database) as (running, ada):
        await user(running, "root", admin=True)
        streams = [(await by_cookie(running, ada, it))[0] for it in (PEOPLE, HOME, SPAWN, PROGRESS)]
        await running.hub.accounts.block(ada)
        await user(running, "secretive")
        async with asyncio.timeout(SECOND):
            await asyncio.gather(*(stream.answered for stream in streams))
        assert "secretive" not in streams[0].text


async def test_who_may_not_any_more_is_told_of_nothing_more_though_still_signed_in(
    database: Database,
) -> None:
    async with starting(database) as (running, ada):
        eve = await user(running, "eve", admin=True)
        streams = [(await by_cookie(running, eve, path))[0] for path in (PEOPLE, SPAWN, PROGRESS)]
        streams += [(await by_token(running, eve))[0]]
        own, _ = await by_token(running, ada)
        await running.hub.accounts.change(eve, admin=False)
        await user(running, "secretive")
        async with asyncio.timeout(SECOND):
            await asyncio.gather(*(stream.answered for stream in streams))
        assert "secretive" not in streams[0].text
        assert not own.answered.done()
        await own.leave()


async def test_a_token_that_expires_ends_its_stream(database: Database) -> None:
    clock = Later()
    async with starting(database, clock=clock) as (running, ada):
        stream, _ = await by_token(running, ada, expires_in=60)
        clock.ahead = timedelta(seconds=61)
        assert await ended(stream)


async def test_a_tab_that_is_left_open_is_no_visit(database: Database) -> None:
    clock = Later()
    async with starting(database, clock=clock) as (running, ada):
        stream, _ = await by_cookie(running, ada, HOME)
        (before,) = await running.hub.sessions.of(ada)
        clock.ahead = timedelta(minutes=10)
        assert not await ended(stream, 1.5)
        (after,) = await running.hub.sessions.of(ada)
        assert after.seen == before.seen
        await stream.leave()


@pytest.mark.parametrize("database_url", SHARED, indirect=True)
async def test_what_another_hub_revokes_ends_a_stream_here(
    database: Database, database_url: str
) -> None:
    second = await open_database(database_url)
    async with starting(database) as (here, ada):
        there = await hub(second)
        stream, _ = await by_token(there, ada)
        await here.hub.accounts.block(ada)
        assert await ended(stream)
    await second.close()


async def never() -> AsyncIterator[str]:
    await asyncio.Event().wait()
    yield ""


async def numbers() -> AsyncIterator[str]:
    for number in range(1000):
        yield f"{number} "
        await asyncio.sleep(0.01)


class Asked:
    """Says that one may, until it does not; counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times, self.may, self.error = 0, True, error

    async def __call__(self) -> bool:
        self.times += 1
        if self.error:
            raise self.error
        return self.may


def made(parts: AsyncIterator[str], may: Asked, silence: float = 9, **more: Any) -> Stream:
    stream = Stream(parts, first="first ", blank="blank ", silence=silence, headers={}, **more)
    assert guard(stream, may) is stream
    return stream


async def test_one_look_a_second_is_all_that_silence_costs_however_often_it_is_broken() -> None:
    may = Asked()
    sent = [part async for part in made(never(), may, silence=0.1, life=1.5).body_iterator]
    assert may.times == 1
    assert sent[0] == "first "
    assert 10 <= sent.count("blank ") <= 15


async def test_of_much_that_is_sent_nothing_is_by_an_answer_that_is_older_than_half_a_second(
) -> None:  # fmt: skip
    may = Asked()
    parts = made(numbers(), may, life=1.3).body_iterator
    sent = [str(part) async for part in parts]
    assert 1 <= may.times <= 2
    assert sent[:4] == ["first ", "0 ", "1 ", "2 "]
    may.may = False
    at = asyncio.get_running_loop().time()
    assert len([part async for part in made(numbers(), may).body_iterator]) > 1
    assert asyncio.get_running_loop().time() - at < 0.9


async def test_what_cannot_be_looked_up_is_no_end_but_cuts_a_stream_short() -> None:
    with pytest.raises(Unavailable):
        async for _ in made(never(), Asked(Unavailable("database")), life=3).body_iterator:
            pass


async def test_what_makes_the_parts_is_closed_with_the_stream() -> None:
    closed = asyncio.Event()

    async def parts() -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
        finally:
            closed.set()

    async for _ in made(parts(), Asked(), life=0.05).body_iterator:
        pass
    assert closed.is_set()
    closed.clear()

    async def send(message: Any) -> None:
        if message.get("body") == b"more":
            raise asyncio.CancelledError  # the client has gone while it was sent something

    with pytest.raises(asyncio.CancelledError):
        await made(parts(), Asked()).stream_response(send)
    assert closed.is_set()
