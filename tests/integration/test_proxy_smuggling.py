"""Messages whose end two readers could see in different places are refused, and the line closed.

The tables in tests/vectors say what is to become of each; real servers behind a real proxy say
what they have seen of it.
"""

import asyncio
import json
import re
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import h11

from tests.integration.proxy_parts import Proxy, ok, proxied, read_request
from tests.integration.recorder import answer_to
from tests.vectors.framing import Vector, vectors

REQUESTS = vectors("framing-requests.txt")
ANSWERS = vectors("framing-answers.txt")
SERVERS = ("tornado", "httptools", "h11")
AFTER = "GET {}/after HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"


def those_for(kind: str) -> list[Vector]:
    return [it for it in REQUESTS if f"!{kind}" not in it.verdict]


def test_the_tables_are_as_long_as_the_contract_asks() -> None:
    assert len(REQUESTS) >= 200
    assert len(ANSWERS) >= 50


@asynccontextmanager
async def recorder(kind: str) -> AsyncIterator[int]:
    """Run one in a process of its own; give its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.recorder", kind),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield int(await asyncio.wait_for(process.stdout.readline(), 20))
    finally:
        process.kill()
        await process.communicate()


def answers(said: bytes, methods: list[str]) -> list[tuple[int, bytes]]:
    """Return status and body of every answer to requests of `methods`; nothing may be left."""
    found: list[tuple[int, bytes]] = []
    while said:
        head, end, said = said.partition(b"\r\n\r\n")
        assert end, head
        status = int(head[9:12])
        if status == 100:
            continue
        size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        assert size, head
        method = methods[len(found)] if len(found) < len(methods) else ""
        length = 0 if method == "HEAD" else int(size[1])
        assert len(said) >= length
        found.append((status, said[:length]))
        said = said[length:]
    return found


def expected(vector: Vector, path: str) -> tuple[list[tuple[str, str, str]], int]:
    """Return method, path and body of what is to be served, and the status at the end."""
    served, status = [], 0
    for word in vector.verdict:
        method, colon, body = word.partition(":")
        if colon:
            served.append((method, path, body))
        elif word.isdigit():
            status = int(word)
    if vector.verdict[-1] != "end" and not status:
        served.append(("GET", f"{path}/after", ""))
    return served, status


async def judge(proxy: Proxy, vector: Vector, path: str) -> list[str]:
    """Return what is wrong with the answers to `vector`."""
    served, status = expected(vector, path)
    said = await proxy.ask(vector.at(path) + AFTER.format(path).encode())
    wanted = [(200, b"" if it[0] == "HEAD" else answer_to(it[0], it[1], it[2].encode("latin-1")))
              for it in served]  # fmt: skip
    try:
        got = answers(said, [it[0] for it in served])
    except AssertionError as problem:
        return [f"cannot be read: {problem}"]
    if status and got and got[-1][0] == status:
        got.pop()
    elif status:
        return [f"lenient: {got}"]
    wrong = [] if got == wanted else [f"{got} is not {wanted}"]
    clean = await proxy.get(f"{path}/clean")
    if not clean.endswith(b"\r\n\r\n" + answer_to("GET", f"{path}/clean", b"")):
        wrong.append(f"the next connection got {clean!r}")
    return wrong


async def test_every_server_sees_the_requests_that_were_sent_and_no_other(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        running = await asyncio.gather(
            *(stack.enter_async_context(recorder(kind)) for kind in SERVERS)
        )
        ports = dict(zip(SERVERS, running, strict=True))
        proxy, hub = await stack.enter_async_context(proxied(tmp_path))
        await hub.change({f"/user/{kind}/": port for kind, port in ports.items()})
        wrong = []
        for kind, port in ports.items():
            await proxy.knows(f"/user/{kind}/ready", by=b"GET /user")
            for vector in those_for(kind):
                path = f"/user/{kind}/v{vector.line}"
                wrong += [(vector.line, kind, it) for it in await judge(proxy, vector, path)]
            wrong += await desynchronised(kind, port)
        assert not wrong, "\n".join(map(str, wrong))


async def desynchronised(kind: str, port: int) -> list[Any]:
    """Return what a server has seen and should not have, or the other way round."""
    direct = Proxy(port, 0, Path())
    records = json.loads((await direct.get("/records")).partition(b"\r\n\r\n")[2])
    seen = defaultdict(list)
    for record in records:
        assert {name.lower() for name, _ in record["fields"]}.isdisjoint(
            ("content_length", "upgrade", "te", "keep-alive", "http2-settings", "x-real-ip")
        )
        path = "/".join(record["url"].split("/")[:4])
        if record["whole"]:
            seen[path].append((record["method"], record["url"], record["body"]))
        else:  # begun and given up: in the middle of a body
            assert record["url"] == path, record
    wrong = []
    for vector in those_for(kind):
        path = f"/user/{kind}/v{vector.line}"
        wanted = [*expected(vector, path)[0], ("GET", f"{path}/clean", "")]
        if seen[path] != wanted:
            wrong.append((vector.line, kind, seen[path], wanted))
    return wrong


async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as the vector says whose line is in the path; anything else as is due."""
    told = {str(vector.line): vector for vector in ANSWERS}
    while True:
        head, _ = await read_request(reader)
        method, url, _ = head.split(" ", 2)
        vector = told.get(url.removeprefix("/user/ada/v"))
        writer.write(vector.at(url) if vector else ok(answer_to(method, url, b"")))
        await writer.drain()
        if vector and vector.verdict[-1] == "eof":
            return


def read_by_h11(said: bytes, methods: list[str]) -> list[tuple[int, bytes]]:
    """Return status and body of each answer, by a reader that is not ours.

    Raises:
        RemoteProtocolError: an answer is none, or not a whole one.
    """
    client = h11.Connection(h11.CLIENT)
    found = []
    client.receive_data(said)
    client.receive_data(b"")
    for method in methods:
        client.send(h11.Request(method=method, target="/", headers=[("Host", "edge")]))
        client.send(h11.EndOfMessage())
        status, body = 0, b""
        while (event := client.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                break
        found.append((status, body))
        if client.our_state is not h11.DONE or client.their_state is not h11.DONE:
            break
        client.start_next_cycle()
    return found


async def judge_answer(proxy: Proxy, vector: Vector) -> str:
    """Return what is wrong with what a client gets of it."""
    method, verdict, *more = vector.verdict
    path = f"/user/ada/v{vector.line}"
    first = f"{method} {path} HTTP/1.1\r\nHost: edge\r\n\r\n"
    try:
        said = await proxy.ask((first + AFTER.format(path)).encode(), 3)
        got = read_by_h11(said, [method, "GET"])
    except (h11.RemoteProtocolError, ConnectionResetError, TimeoutError) as problem:
        return "" if verdict == "broken" else repr(problem)
    own = (200, answer_to("GET", f"{path}/after", b""))
    status, _, body = verdict.partition(":")
    if verdict == "broken":
        return f"taken for a whole one: {got}"
    if int(status) >= 502:
        got[0] = (got[0][0], b"")
    wanted = [(int(status), body.encode()), *([] if "end" in more else [own])]
    return "" if got == wanted else f"{got} is not {wanted}"


async def test_whatever_a_server_answers_the_next_client_gets_its_own(tmp_path: Path) -> None:
    async with proxied(tmp_path, lie) as (proxy, _):
        wrong = []
        for vector in ANSWERS:
            problem = await judge_answer(proxy, vector)
            if problem:
                wrong.append((vector.line, problem))
            clean = await proxy.get("/user/ada/clean")
            if not clean.endswith(answer_to("GET", "/user/ada/clean", b"")):
                wrong.append((vector.line, f"the next connection got {clean!r}"))
        assert not wrong, "\n".join(map(str, wrong))
