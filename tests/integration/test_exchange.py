"""HTTP/1.1 to one server over real sockets: how answers end, and what is kept."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from perijove.kit.exchange import Broken, request
from perijove.kit.origin import Connections, Origin

ASK = request("GET", "/", {"Host": "test"})
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MOST = 1 << 20


@dataclass
class Server:
    """Answers each request on a connection with the next of `says`; `None` hangs up."""

    says: list[bytes | None]
    origin: Origin = field(init=False)
    connections: int = 0
    hang_up: bool = False
    heard: list[bytes] = field(default_factory=list)
    tasks: set[asyncio.Task[object]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        try:
            while said := await reader.readuntil(b"\r\n\r\n"):
                self.heard.append(said)
                answer = self.says.pop(0) if len(self.says) > 1 else self.says[0]
                if answer is None:
                    break
                writer.write(answer)
                if self.hang_up or not (b"Content-Length" in answer or b"chunked" in answer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*says: bytes | None) -> AsyncIterator[Server]:
    it = Server(list(says))
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.origin = Origin.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield it
    for task in it.tasks:
        task.cancel()
    if it.tasks:
        await asyncio.wait(it.tasks)


@asynccontextmanager
async def kept(server: Server, *, limit: int = 2, keep: float = 9.0) -> AsyncIterator[Connections]:
    connections = Connections(server.origin, limit=limit, connect=2.0, keep=keep)
    yield connections
    await connections.close()


async def whole(connections: Connections, *, again: bool = True, most: int = MOST) -> bytes:
    async with connections.answer(ASK, again=again) as answer:
        return await answer.rest(most)


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (HELLO, b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HELLO, b"hello"),
        (
            CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            b"hello",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
    ids=["length", "early hints", "chunks", "until it closes", "nothing at all", "empty"],
)
async def test_an_answer_ends_as_it_says(said: bytes, body: bytes) -> None:
    async with serving(said) as server, kept(server) as connections:
        assert await whole(connections) == body
        assert await whole(connections) == body
    ends = b"Content-Length" not in said and b"chunked" not in said
    assert server.connections == (2 if ends else 1), "kept where that can be"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP"),
        (CHUNKED + b"zz\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "closed"),
        (None, "closed"),
    ],
)
async def test_half_an_answer_is_none(said: bytes | None, words: str) -> None:
    async with serving(said) as server, kept(server) as connections:
        server.hang_up = True
        with pytest.raises(Broken, match=words):
            await whole(connections)


async def test_an_answer_may_not_be_longer_than_asked_for() -> None:
    async with serving(HELLO) as server, kept(server) as connections:
        with pytest.raises(Broken, match="over 4 bytes"):
            await whole(connections, most=4)
        assert await whole(connections) == b"hello"


async def test_a_connection_whose_answer_was_half_read_is_not_used_again() -> None:
    many = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000
    async with serving(many, HELLO) as server, kept(server) as connections:
        with pytest.raises(Broken, match="over 1048576 bytes"):
            await whole(connections)
        assert await whole(connections) == b"hello"
    assert server.connections == 2


async def test_a_kept_connection_that_is_gone_is_made_anew_only_if_asked() -> None:
    async with serving(HELLO, None, HELLO, None) as server, kept(server) as connections:
        assert await whole(connections) == b"hello"
        assert await whole(connections) == b"hello", "dropped, and asked again"
        with pytest.raises(Broken):
            await whole(connections, again=False)
    assert len(server.heard) == 4


async def test_connections_are_shared_and_never_more_than_allowed() -> None:
    async with serving(HELLO) as server, kept(server, limit=3) as connections:
        assert set(await asyncio.gather(*(whole(connections) for _ in range(50)))) == {b"hello"}
    assert server.connections == 3


async def test_a_connection_is_not_kept_for_longer_than_it_may() -> None:
    async with serving(HELLO) as server, kept(server, keep=0.0) as connections:
        await whole(connections)
        await whole(connections)
    assert server.connections == 2


async def test_what_nobody_asked_for_ends_a_kept_connection() -> None:
    async with serving(HELLO + HELLO, HELLO) as server, kept(server) as connections:
        assert await whole(connections) == b"hello"
        assert await whole(connections) == b"hello"
    assert server.connections == 2, "an answer may not be taken for that of another request"


async def test_who_moves_leaves_no_connection_behind() -> None:
    async with serving(HELLO) as old, serving(HELLO) as new, kept(old) as connections:
        await whole(connections)
        connections.move(new.origin)
        await whole(connections)
    assert (old.connections, new.connections) == (1, 1)


async def test_a_reader_that_takes_its_time_costs_a_buffer_and_loses_nothing() -> None:
    size = 8 << 20
    many = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    async with (
        serving(many) as server,
        kept(server) as connections,
        connections.answer(ASK, again=True) as answer,
    ):
        await asyncio.sleep(0.3)
        first = await answer.more()
        assert len(first) < size / 4
        rest = await answer.rest(size)
    assert first + rest == b"x" * size


async def test_the_first_address_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(HELLO) as server:
        port = server.origin.port

        async def addresses(*_: object, **__: object) -> object:
            family = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*family, ("127.0.0.2", port)), (*family, ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
        assert not (await server.origin.connect(2.0)).closed
        exchange = await server.origin.connect(2.0)
        assert await exchange.ask(ASK) == 200
        exchange.close()
        await exchange.gone


async def test_nobody_there_is_said_as_the_system_says_it() -> None:
    async with serving(HELLO) as server:
        origin = server.origin
    with pytest.raises(ConnectionRefusedError):
        await origin.connect(2.0)


@pytest.mark.parametrize(
    ("target", "fields"),
    [("/a b", {}), ("/a\r\nX: y", {}), ("", {}), ("/", {"X": "a\r\nY: b"}), ("/", {"X": "\0"})],
)
def test_a_request_does_not_end_before_its_end(target: str, fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="request"):
        request("GET", target, fields)


@pytest.mark.parametrize(
    ("url", "netloc", "authority"),
    [
        ("http://hub", "hub:80", "hub"),
        ("http://hub:8081/lab", "hub:8081", "hub:8081"),
        ("http://[::1]:8081", "[::1]:8081", "[::1]:8081"),
    ],
)
def test_an_origin_is_read_from_a_url(url: str, netloc: str, authority: str) -> None:
    origin = Origin.of(url)
    assert (origin.netloc, origin.authority) == (netloc, authority)
    with pytest.raises(ValueError, match="no host"):
        Origin.of("/hub")
