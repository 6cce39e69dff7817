"""The REST API as configurable-http-proxy 5.3 answers it (hub.md 5.1)."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.chp.process import Chp, chp
from tests.integration.proxy_parts import echo, mirror, ok, read_request, serving, trickle
from tests.ports import free_port


async def test_a_route_comes_is_read_and_goes(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        made = await it.add("/user/ada", port, user="ada", server_name="", jupyterhub=True)
        assert (made.status_code, made.content) == (201, b"")
        target = f"http://127.0.0.1:{port}"
        route = (await it.routes())["/user/ada"]
        at = route.pop("last_activity")
        assert at.endswith("Z")
        assert len(at) == len("2026-11-30T02:46:25.724Z")
        assert before <= datetime.fromisoformat(at) <= datetime.now(UTC)
        assert route == {"target": target, "user": "ada", "server_name": "", "jupyterhub": True}
        one = await it.api.get("/api/routes/user/ada/")
        assert (one.status_code, one.json()["user"]) == (200, "ada")
        assert "GET /user/ada/lab?x=1" in (await it.web.get("/user/ada/lab?x=1")).text
        gone = await it.api.delete("/api/routes/user/ada")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await it.api.delete("/api/routes/user/ada")).status_code == 404
        assert (await it.api.get("/api/routes/user/ada")).status_code == 404
        assert await it.routes() == {}
        assert (await it.web.get("/user/ada/lab")).status_code == 404


NONSENSE = [
    ("GET", "/api/other", b"", 404),
    ("GET", "/api/routesx", b"", 404),
    ("GET", "/", b"", 404),
    ("PUT", "/api/routes/x", b"{}", 405),
    ("HEAD", "/api/routes", b"", 405),
    ("POST", "/api/routes/x", b"", 400),
    ("POST", "/api/routes/x", b"nonsense", 400),
    ("POST", "/api/routes/x", b"null", 400),
    ("POST", "/api/routes/x", b"[1]", 400),
    ("POST", "/api/routes/x", b'{"target": 3}', 400),
    ("POST", "/api/routes/x", b'{"user": "ada"}', 400),
    ("POST", "/api/routes/x", b'{"target": "nonsense"}', 400),
    ("POST", "/api/routes/x", b'{"target": "http://a/ HTTP/1.1"}', 400),
    ("POST", "/api/routes/%zz", b'{"target": "http://a"}', 400),
    ("POST", "/api/routes/%00", b'{"target": "http://a"}', 400),
    ("POST", "/api/routes/x", b"[" * 100_000, 400),
    ("DELETE", "/api/routes/%zz", b"", 400),
    ("GET", "/api/routes?inactiveSince=yesterday", b"", 400),
    ("POST", "/api/routes/x", b'{"target": "http://a", "n": NaN}', 400),
    ("POST", "/api/routes/x", b'{"target": "http://a?b"}', 400),
]


async def test_what_makes_no_sense_has_its_status(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        for method, path, body, status in NONSENSE:
            answer = await it.api.request(method, path, content=body)
            assert answer.status_code == status, (method, path, body[:50])
        assert await it.routes() == {}


async def test_whatever_the_content_type_says_the_body_is_json(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "x"):
            answer = await it.api.post(
                "/api/routes/a", content=b'{"target": "http://a"}', headers={"content-type": kind}
            )
            assert answer.status_code == 201


async def test_a_token_is_asked_for_before_anything_is_read(tmp_path: Path) -> None:
    async with chp(tmp_path, token="new,old") as it:
        for token, status in (
            ("new", 200),
            ("old", 200),
            ("new,old", 403),
            ("ne", 403),
            ("x", 403),
        ):
            answer = await it.api.get("/api/routes", headers={"authorization": f"token {token}"})
            assert answer.status_code == status, token
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        writer.write(b"POST /api/routes/x HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 20)  # nothing of the body was sent
        assert said.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        writer.close()


async def test_without_a_token_everybody_may_and_that_is_said(tmp_path: Path) -> None:
    async with chp(tmp_path, token="") as it:
        await it.add("/a", "http://a")
        assert "api-open" in it.said()


BAD = [
    (b"POST /api/routes/x HTTP/1.1\r\nHost: x\r\nAuthorization: token t0ken\r\n"
     b"Content-Length: 9000000\r\n\r\n" + b"x" * 1_100_000, b"413"),
    (b"GET /api/routes HTTP/1.1\r\nX: " + b"x" * 70_000, b"431"),
    (b"GET /" + b"x" * 70_000, b"431"),
    (b"\x16\x03\x01\x00\xff\r\n\r\n", b"400"),
    (b"GET /api/routes HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
]  # fmt: skip


async def test_a_request_that_is_too_large_or_none_is_refused(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        for sent, status in BAD:
            reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
            writer.write(sent)
            assert (await asyncio.wait_for(reader.readline(), 20)).split()[1] == status
            writer.close()
        assert await it.routes() == {}


async def test_requests_behind_each_other_and_in_pieces_are_answered_in_order(
    tmp_path: Path,
) -> None:
    async with chp(tmp_path) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        told = b"Host: x\r\nAuthorization: token t0ken\r\n"
        body = b'{"target": "http://a"}'
        posted = b"POST /api/routes/%d HTTP/1.1\r\n" + told + b"Content-Length: %d\r\n\r\n%b"
        whole = b"".join(posted % (n, len(body), body) for n in range(20))
        whole += b"GET /api/routes HTTP/1.1\r\n" + told + b"Connection: close\r\n\r\n"
        for at in range(0, len(whole), 7):
            writer.write(whole[at : at + 7])
            await writer.drain()
        said = await asyncio.wait_for(reader.read(), 20)
        assert said.count(b"HTTP/1.1 201 Created\r\n") == 20
        assert said.rstrip().endswith(b"}}")
        assert list(await it.routes()) == [f"/{n}" for n in range(20)]
        writer.close()


PATHS = [
    ("/user/ada%40x", "/user/ada@x", "/user/ada@x/", "/user/ada%2540x/"),
    ("/user/a%20b", "/user/a b", "/user/a%20b/", "/user/a+b/"),
    ("/user/%E4%BD%A0", "/user/你", "/user/%e4%bd%a0/lab", "/user/%E4%BD/"),
    ("/user/a%2520b", "/user/a%20b", "/user/a%2520b/", "/user/a%20b/"),
    ("/user/al", "/user/al", "/user/al", "/user/alice"),
]


async def test_keys_are_in_plain_letters_and_paths_in_their_one_form(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        for told, key, asked, other in PATHS:
            await it.add(told, port)
            assert list(await it.routes()) == [key]
            assert (await raw(it, asked)).startswith(b"HTTP/1.1 200"), asked
            assert not (await raw(it, other)).startswith(b"HTTP/1.1 200"), other
            assert (await it.api.delete(f"/api/routes{told}/")).status_code == 204
            assert not (await raw(it, asked)).startswith(b"HTTP/1.1 200"), asked


async def raw(it: Chp, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


async def activity(it: Chp, path: str = "/a") -> datetime:
    return datetime.fromisoformat((await it.routes())[path]["last_activity"])


async def test_what_succeeds_counts_as_use_and_what_fails_does_not(tmp_path: Path) -> None:
    statuses = iter((b"404 No", b"302 On", b"500 Oh", b"200 OK"))

    async def upstream(reader: Any, writer: Any) -> None:
        while True:
            await read_request(reader)
            writer.write(ok(b"").replace(b"200 OK", next(statuses)))

    async with serving(upstream) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        began = await activity(it)
        for _ in range(3):
            await asyncio.sleep(0.01)
            await it.web.get("/a/")
            assert await activity(it) == pytest.approx(began, abs=timedelta(milliseconds=2))
        await it.web.get("/a/")
        assert await activity(it) - began > timedelta(milliseconds=20)


async def test_frames_of_a_websocket_count_as_use(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0) as server, chp(tmp_path) as it:
        await it.add("/a", server.sockets[0].getsockname()[1])
        async with connect(f"ws://127.0.0.1:{it.port}/a/ws") as one:
            before = await activity(it)
            await asyncio.sleep(0.05)
            await one.send("x")
            assert await one.recv() == "x"
            assert await activity(it) - before > timedelta(milliseconds=30)


async def test_those_not_used_since_can_be_asked_for(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        await it.add("/b", port)
        await asyncio.sleep(0.05)
        between = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        await asyncio.sleep(0.05)
        await it.web.get("/b/")
        for name in ("inactiveSince", "inactive_since"):
            assert list(await it.routes(f"?{name}={between}")) == ["/a"]
        assert set(await it.routes()) == {"/a", "/b"}


async def test_a_route_told_again_is_replaced_whole(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/a", "http://127.0.0.1:1", old=True)
        await it.add("/a/", port, new=True)
        assert (await it.routes())["/a"].keys() == {"target", "new", "last_activity"}
        assert (await it.web.get("/a/")).status_code == 200


async def test_metrics_have_the_names_of_that_proxy(tmp_path: Path) -> None:
    place = free_port()
    more = ("--metrics-ip", "127.0.0.1", "--metrics-port", str(place))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        await it.web.get("/a/")
        await it.web.get("/nowhere")
        answer = await it.web.get(f"http://127.0.0.1:{place}/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        for line in (
            "api_route_add 1",
            "api_route_get 0",
            "requests_web 2",
            'requests_proxy{status="200"} 1',
            'requests_proxy{status="404"} 1',
            'requests_api{status="201"} 1',
            "perijove_proxy_routes 1",
        ):
            assert f"\n{line}\n" in answer.text
        assert (await it.web.get(f"http://127.0.0.1:{place}/other")).status_code == 404


async def test_a_download_counts_as_use_until_its_end(tmp_path: Path) -> None:
    async with serving(trickle(5, 0.1)) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        began = datetime.now(UTC)
        await it.web.get("/a")
        assert await activity(it) - began > timedelta(milliseconds=350)


async def test_a_websocket_goes_on_counting_when_its_route_is_told_again(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0) as server, chp(tmp_path) as it:
        port = server.sockets[0].getsockname()[1]
        await it.add("/a", port)
        async with connect(f"ws://127.0.0.1:{it.port}/a/ws") as one:
            await it.add("/a", port, more=True)
            before = await activity(it)
            await asyncio.sleep(0.05)
            await one.send("x")
            assert await one.recv() == "x"
            assert await activity(it) - before > timedelta(milliseconds=30)


async def test_the_absolute_form_and_slashes_at_the_end_are_understood(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        await it.add("/a//", "http://a")
        assert list(await it.routes()) == ["/a"]
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        head = b"Host: x\r\nAuthorization: token t0ken\r\nConnection: close\r\n\r\n"
        writer.write(b"GET http://x/api/routes/a HTTP/1.1\r\n" + head)
        assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
        assert (await it.api.delete("/api/routes/a")).status_code == 204


async def test_who_asks_and_takes_no_answer_is_left(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        for number in range(200):
            await it.add(f"/{number}", "http://a", filling="x" * 1000)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        asked = b"GET /api/routes HTTP/1.1\r\nHost: x\r\nAuthorization: token t0ken\r\n\r\n"
        got = 0
        with suppress(ConnectionError):
            for _ in range(2000):
                writer.write(asked * 20)
                await asyncio.wait_for(writer.drain(), 20)
            while data := await asyncio.wait_for(reader.read(1 << 20), 20):
                got += len(data)
        assert got < 64 << 20, "of nine gigabytes that it asked for"
        writer.close()
        assert len(await it.routes()) == 200
