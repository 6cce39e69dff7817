"""HTTP/1.1 to one server over real sockets: how answers end, and what is kept."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import uvloop

from perijove.kit.exchange import Broken, request
from perijove.kit.origin import Connections, Origin
from tests.kubernetes.authority import Authority

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
    slow: bool = False
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
                if self.slow:
                    await asyncio.sleep(9)
                if self.hang_up or not (b"Content-Length" in answer or b"chunked" in answer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*says: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    it = Server(list(says))
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=tls)
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


async def test_what_came_whole_and_was_not_read_is_no_part_of_the_next_answer() -> None:
    secret = HELLO.replace(b"hello", b"adas!")
    async with serving(secret, HELLO) as server, kept(server) as connections:
        async with connections.answer(ASK, again=True):
            await asyncio.sleep(0.1)
        assert await whole(connections) == b"hello"


async def test_an_answer_of_a_megabyte_that_nobody_reads_holds_up_no_other() -> None:
    many = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 20) + b"x" * (1 << 20)
    async with serving(many, HELLO) as server, kept(server, limit=1) as connections:
        async with connections.answer(ASK, again=True):
            await asyncio.sleep(0.1)
        assert await asyncio.wait_for(whole(connections), 20) == b"hello"


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_answers_are_never_mixed_up_however_many_are_given_up(
    run: Callable[[Coroutine[None, None, None]], None],
) -> None:
    run(giving_up())


async def giving_up() -> None:
    """Ask for many things, and wait for each about as long as it takes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.readuntil(b"\r\n\r\n"):
                path = said.split()[1]
                await asyncio.sleep(0.001)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def one(connections: Connections, number: int) -> bool:
        asked = request("GET", f"/{number}", {"Host": "test"})
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(0.001 + number % 7 * 0.001),
                connections.answer(asked, again=True) as answer,
            ):
                assert await answer.rest(MOST) == b"/%d" % number
                return True
        return False

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    origin = Origin.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    connections = Connections(origin, limit=4, connect=2.0, keep=9.0)
    answered = [
        it
        for number in range(0, 3000, 8)
        for it in await asyncio.gather(*(one(connections, number + n) for n in range(8)))
    ]
    assert 0 < sum(answered) < len(answered), "some in time, some not"
    await connections.close()
    server.close()
    await asyncio.sleep(0.05)


async def test_who_closes_ends_what_runs_and_nothing_begins_again() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\nhalf") as server:
        server.slow = True
        connections = Connections(server.origin, limit=2, connect=2.0, keep=9.0)
        runs = asyncio.ensure_future(whole(connections))
        async with asyncio.timeout(20):
            while not server.heard:
                await asyncio.sleep(0.01)
        await connections.close()
        with pytest.raises(Broken, match="closed"):
            await runs
        with pytest.raises(Broken, match="closed"):
            await whole(connections)
    assert server.connections == 1


async def test_a_head_without_end_is_given_up() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + b"X-Much: y\r\n" * 100_000
    async with serving(endless) as server, kept(server) as connections:
        with pytest.raises(Broken, match="head has no end"):
            await whole(connections)


async def test_a_field_after_the_body_is_none_of_the_head() -> None:
    said = CHUNKED.replace(b"\r\n\r\n", b"\r\nX-Kind: head\r\n\r\n") + b"2\r\nhi\r\n0\r\n"
    async with (
        serving(said + b"X-Kind: trailer\r\n\r\n") as server,
        kept(server) as connections,
        connections.answer(ASK, again=True) as answer,
    ):
        assert await answer.rest(MOST) == b"hi"
        assert answer.field(b"x-kind") == "head"


@pytest.mark.parametrize("said", [HELLO, b"HTTP/1.1 200 OK\r\n\r\nhello"], ids=["length", "end"])
async def test_over_tls_answers_end_as_well_and_strangers_are_refused(said: bytes) -> None:
    authority = Authority()
    async with serving(said, tls=authority.server()) as server:
        known = ssl.create_default_context(cadata=authority.pem)
        url = f"https://127.0.0.1:{server.origin.port}"
        connections = Connections(Origin.of(url, known), limit=2, connect=2.0, keep=9.0)
        assert await whole(connections) == b"hello"
        await connections.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await Origin.of(url, ssl.create_default_context()).connect(2.0)


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


@pytest.mark.parametrize("name", [".hub", "a" * 64])
def test_a_name_that_no_certificate_has_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ValueError, match="label"):
        Origin.of("https://hub", ssl.create_default_context(), name)
