"""What the hub asks a server that seems idle; it may be anything that listens there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from perijove.core.ask import Said, ask

AT = "2026-11-27T10:00:00.123456Z"
THEN = datetime(2026, 11, 27, 10, 0, 0, 123456, tzinfo=UTC)


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield the address of a server that gives these answers, and what it was asked."""
    heard, left, talks = list[str](), list(answers), list[Any]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            while left:
                heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
                writer.write(left.pop(0))
                await writer.drain()
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        host, port = listening.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}", heard
        await asyncio.gather(*talks)


def answer(tree: Any, status: str = "200 OK") -> bytes:
    body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def kernel(state: str, at: str = AT) -> dict[str, str]:
    return {"execution_state": state, "last_activity": at}


NOT_THERE = answer({"message": "no"}, "404 Not Found")


@pytest.mark.parametrize(
    ("status", "kernels", "said"),
    [
        (answer({"last_activity": AT}), answer([]), Said(THEN, busy=False)),
        (answer({"last_activity": AT}), answer([kernel("busy")]), Said(THEN, busy=True)),
        (
            answer({"last_activity": "2026-11-27T09:00:00Z"}),
            answer([kernel("idle"), kernel("idle", "2026-11-27T08:00:00+00:00")]),
            Said(THEN, busy=False),
        ),
        (
            answer({"last_activity": "2026-11-27T10:00:00.123456"}),
            NOT_THERE,
            Said(THEN, busy=False),
        ),
        (NOT_THERE, NOT_THERE, Said(None, busy=False)),  # RStudio, say
    ],
)
async def test_what_it_says_is_understood(status: bytes, kernels: bytes, said: Said) -> None:
    async with server(status, kernels) as (address, heard):
        assert await ask(address, "/user/ada/", "secret") == said
    assert [it.split(" ")[1] for it in heard] == [
        "/user/ada/api/status?no_track_activity=1",
        "/user/ada/api/kernels?no_track_activity=1",
    ]
    assert all("Authorization: token secret\r\n" in it for it in heard)


@pytest.mark.parametrize(
    "nonsense",
    [
        answer({}, "403 Forbidden"),
        answer({}, "500 Internal Server Error"),
        answer(b"<html>"),
        answer(b"[" * 100_000),
        answer({"last_activity": 7}),
        answer({"last_activity": "0001-01-01T00:00:00+14:00"}),
        answer({"last_activity": "yesterday"}),
        answer([1]),
        answer(7),
        answer(b"x" * (2 << 20)),
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
async def test_what_makes_no_sense_is_no_answer(nonsense: bytes) -> None:
    async with server(nonsense, answer([])) as (address, _):
        with pytest.raises(OSError, match=r"."):
            await ask(address, "/user/ada/", "secret")


async def test_who_does_not_listen_does_not_answer() -> None:
    async with server() as (address, _):
        pass
    with pytest.raises(OSError, match=r"."):
        await ask(address, "/user/ada/", "secret")


async def test_a_server_that_closes_after_every_answer_is_asked_as_well() -> None:
    left = [answer({"last_activity": AT}), answer([kernel("idle")])]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()[:2]
        said = await ask(f"http://{host}:{port}", "/user/ada/", "t0ken")
    assert said == Said(THEN, busy=False)
