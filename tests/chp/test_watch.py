"""Ids of requests, the access log and what is counted, of both command lines."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.chp.process import Chp, chp, refused
from tests.integration.proxy_parts import (
    Handler,
    echo,
    mirror,
    ok,
    proxied,
    read_head,
    read_request,
    serving,
    telling,
    trickle,
)
from tests.ports import free_port

FRESH = re.compile(r"[0-9a-f]{8}-[0-9]+")
ID = "x-request-id"


async def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for it, and return what it says."""
    async with asyncio.timeout(seconds):
        while not (found := true()):
            await asyncio.sleep(0.02)
    return found


def entries(folder: Path, name: str = "access.log") -> list[dict[str, Any]]:
    file = folder / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def logged(folder: Path, count: int) -> list[dict[str, Any]]:
    """Return so many lines, once they are written."""
    await until(lambda: len(entries(folder)) >= count)
    return entries(folder)


def certify(key: Path, cert: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip


async def metrics(port: int) -> dict[str, float]:
    async with httpx.AsyncClient() as web:
        told = (await web.get(f"http://127.0.0.1:{port}/metrics")).text
    lines = (line.rsplit(" ", 1) for line in told.splitlines() if line[:1] != "#")
    return {name.removeprefix("perijove_proxy_"): float(value) for name, value in lines}


async def measured(port: int, **wanted: float) -> dict[str, float]:
    """Return what is counted, once `wanted` is."""
    async with asyncio.timeout(15):
        while not wanted.items() <= (found := await metrics(port)).items():
            await asyncio.sleep(0.05)
    return found


async def seen(it: Chp, *fields: tuple[str, str]) -> tuple[str, str, httpx.Response]:
    """Ask a mirror; return the id that it was told, the one in the answer, and the answer."""
    answer = await it.web.get("/a/x", headers=httpx.Headers(fields))
    told = re.findall(r"(?im)^x[-_]request[-_]id: (.*?)\r?$", answer.text)
    assert len(told) == 1, answer.text
    return told[0], answer.headers[ID], answer


# ids


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("abc-123", True),
        ("Root=1-67891233-abcdef:x/y+z.@_", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("", False),
        ("a b", False),
        ("a;b", False),
        ("a,b", False),
        ('a"b', False),
        ("<script>", False),
        ("a%0d%0aSet-Cookie: x", False),
        ("\x7f".replace("\x7f", "\t"), False),
        ("é", False),
    ],
)
async def test_an_id_of_a_trusted_peer_is_kept_if_it_is_one(
    tmp_path: Path, told: str, *, kept: bool
) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        head = f"GET /a/x HTTP/1.1\r\nHost: e\r\nX-Request-ID: {told}\r\nConnection: close\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(head.encode("latin-1"))
        said = (await reader.read()).decode("latin-1")
        writer.close()
        ids = re.findall(r"X-Request-ID: (.*)\r\n", said)
        assert len(ids) == 2  # in the answer, and in what the mirror was sent
        assert ids[0] == ids[1]
        assert (ids[0] == told) is kept
        assert kept or FRESH.fullmatch(ids[0])


async def test_several_ids_and_other_spellings_are_replaced_by_one(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        for fields in (
            (("X-Request-ID", "one"), ("X-Request-Id", "two")),
            (("X_Request_ID", "one"),),
        ):
            sent, got, _ = await seen(it, *fields)
            assert sent == got
            assert FRESH.fullmatch(sent)


async def test_an_id_of_a_stranger_is_replaced(tmp_path: Path) -> None:
    more = ("--trusted-proxies", "192.0.2.0/24")
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        sent, got, _ = await seen(it, ("X-Request-ID", "mine"))
        assert sent == got
        assert FRESH.fullmatch(sent)


async def test_each_request_has_an_id_of_its_own_also_without_x_forwarded(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, "--no-x-forward") as it:
        await it.add("/a", port)
        found = [await seen(it, ("X-Request-ID", "mine"))]
        found += [await seen(it) for _ in range(3)]
        assert [sent for sent, *_ in found] == [got for _, got, _ in found]
        assert found[0][0] == "mine"
        assert len({sent for sent, *_ in found}) == 4


async def test_an_id_that_the_target_says_is_left_as_it_is(tmp_path: Path) -> None:
    async def own(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"", "x-request-id: of the target"))

    async with serving(own) as port, chp(tmp_path) as it:
        await it.add("/a", port)
        answer = await it.web.get("/a")
        assert answer.headers.get_list(ID) == ["of the target"]


async def test_pages_of_our_own_say_the_id(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        await it.add("/away", free_port())
        for path, accept in (("/nowhere", "text/html"), ("/away", "text/html"),
                             ("/nowhere", "application/json"), ("/away", "*/*")):  # fmt: skip
            answer = await it.web.get(path, headers={"accept": accept})
            mark = answer.headers[ID]
            assert FRESH.fullmatch(mark)
            assert mark in answer.text
            if "json" in accept:
                assert answer.json()["request"] == mark
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"nonsense\r\n\r\n")
        said = (await reader.read()).decode()
        writer.close()
        mark = re.findall(r"X-Request-ID: (.*)\r\n", said)[0]
        assert said.count(mark) == 2
        assert f'request="{mark}"' in it.said()


async def test_a_websocket_has_an_id(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0) as server, chp(tmp_path) as it:
        await it.add("/a", server.sockets[0].getsockname()[1])
        async with connect(f"ws://127.0.0.1:{it.port}/a/ws") as one:
            assert one.response is not None
            assert FRESH.fullmatch(one.response.headers["X-Request-ID"])


# the access log


async def test_a_line_says_what_was_asked_and_how_it_ended(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        answer = await it.web.post(
            "/a/x?token=secret&b=c", content=b"y" * 5000, headers={"cookie": "s=secret"}
        )
        await it.web.get("/nowhere", headers={"x-forwarded-for": "192.0.2.7"})
        await it.web.get("/_chp_healthz")
        one, two, three = await logged(tmp_path, 3)
        assert one.pop("time").endswith("Z")
        assert 0 <= one.pop("seconds") < 5
        assert 5000 < one.pop("received") < 5600
        assert one.pop("sent") > len(answer.content) > 5000
        assert one == {
            "id": answer.headers[ID], "method": "POST", "path": "/a/x", "status": 200,
            "route": "/a", "peer": "127.0.0.1", "upgrade": False,
        }  # fmt: skip
        assert (two["status"], two["route"], two["for"]) == (404, "", "192.0.2.7")
        assert (three["path"], three["route"]) == ("/_chp_healthz", "")
        assert "secret" not in (tmp_path / "access.log").read_text()
        assert (tmp_path / "access.log").stat().st_mode & 0o137 == 0


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a/token=abc/x;Token=def&y", "/a/token%3D***/x%3BToken%3D***"),
        ("/a/%3Ftoken=abc", "/a/%3Ftoken%3D***"),
        ("/a/%74oken=abc", "/a/token%3D***"),
        ("/a/token%3Dabc", "/a/token%3D***"),
        ("/a/%22%5C%C3%A9", "/a/%22%5C%C3%A9"),
        ('/a/"}{"x":"\\n', '/a/"}{"x":"\\n'),
        ("/a/%0a{}", "/a/%0a{}"),
        ("/" + "a" * 2000, "/" + "a" * 1023 + "..."),
    ],
)
async def test_a_hostile_path_is_a_string_in_one_line(
    tmp_path: Path, path: str, shown: str
) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        head = f'GET {path} HTTP/1.1\r\nHost: e\r\nX-Forwarded-For: \x80\xff"\\\r\n'
        writer.write(f"{head}Connection: close\r\n\r\n".encode("latin-1"))
        await reader.read()
        writer.close()
        (one,) = await logged(tmp_path, 1)
        assert one["path"] == shown
        text = (tmp_path / "access.log").read_bytes()
        assert text.count(b"\n") == 1
        assert text.isascii()


async def test_what_goes_wrong_always_has_a_line(tmp_path: Path) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        if "/half" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        elif "/fault" in head:
            writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(ok(b"good"))

    more = ("--access-log", str(tmp_path / "access.log"), "--access-log-sample", "0")
    async with serving(half) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        await it.add("/away", free_port())
        for path in ("/a/good", "/nowhere", "/a/fault", "/away"):
            await it.web.get(path)
        with pytest.raises(httpx.RemoteProtocolError):
            await it.web.get("/a/half")
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET /a%zz HTTP/1.1\r\nHost: e\r\n\r\n")
        refusal = (await reader.read()).decode()
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"G\x01T /secret HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        found = await logged(tmp_path, 5)
        assert [(it["path"], it["status"], it.get("end")) for it in found] == [
            ("/a/fault", 500, None),
            ("/away", 503, None),
            ("/a/half", 200, "broken"),
            ("/a%zz", 400, "bad-path"),
            (None, 400, "malformed"),
        ]
        assert found[3]["id"] in refusal
        broken = re.search(r'broken route="/a" request="(.*?)"', it.said())
        assert broken is not None
        assert broken[1] == found[2]["id"]


async def test_what_comes_next_on_a_connection_is_not_told_the_route_before(
    tmp_path: Path,
) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        for path in ("/a/x", "/_chp_healthz", "/a/y"):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
            head = await read_head(reader)
            await reader.readexactly(int(head.lower().split("content-length: ")[1].split()[0]))
        writer.write(b"GET /a%zz HTTP/1.1\r\nHost: e\r\n\r\n")
        await reader.read()
        writer.close()
        found = await logged(tmp_path, 4)
        assert [(it["path"], it["route"]) for it in found] == [
            ("/a/x", "/a"), ("/_chp_healthz", ""), ("/a/y", "/a"), ("/a%zz", ""),
        ]  # fmt: skip


async def test_a_websocket_has_one_line_once_it_ends(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))
    async with serve(echo, "127.0.0.1", 0) as server, chp(tmp_path, *more) as it:
        await it.add("/a", server.sockets[0].getsockname()[1])
        async with connect(f"ws://127.0.0.1:{it.port}/a/ws") as one:
            await one.send(os.urandom(1000))
            await one.recv()
            await asyncio.sleep(1.2)
            assert entries(tmp_path) == []
        (found,) = await logged(tmp_path, 1)
        assert (found["status"], found["upgrade"], found["route"]) == (101, True, "/a")
        assert found["received"] > 1000
        assert found["sent"] > 1000
        assert found["seconds"] > 1
        assert "end" not in found


async def test_who_leaves_before_the_answer_is_told_as_499(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await read_request(reader)
        await asyncio.sleep(60)

    asked = asyncio.Event()
    async with serving(telling(never, asked)) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        _, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"POST /a HTTP/1.1\r\nHost: e\r\nContent-Length: 9\r\n\r\nhalf")
        await asyncio.wait_for(asked.wait(), 20)
        writer.close()
        (found,) = await logged(tmp_path, 1)
        assert (found["status"], found["end"]) == (499, "left")


async def test_a_moved_log_is_opened_anew_at_sighup_and_written_to_the_end(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"))
    asked = asyncio.Event()
    async with serving(telling(trickle(1, 0.5), asked)) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        await it.web.get("/a/before")
        await logged(tmp_path, 1)
        (tmp_path / "access.log").rename(tmp_path / "access.log.1")
        it.process.send_signal(signal.SIGHUP)
        await until((tmp_path / "access.log").exists)
        asked.clear()
        last = asyncio.create_task(it.web.get("/a/last"))
        await asyncio.wait_for(asked.wait(), 20)
        it.process.send_signal(signal.SIGTERM)
        assert (await last).status_code == 200
        await it.process.wait()
        assert [it["path"] for it in entries(tmp_path, "access.log.1")] == ["/a/before"]
        assert [it["path"] for it in entries(tmp_path)] == ["/a/last"]


async def test_a_full_disk_costs_lines_and_no_answers(tmp_path: Path) -> None:
    place = free_port()
    more = ("--access-log", "/dev/full", "--metrics-ip", "127.0.0.1", "--metrics-port", str(place))
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        for _ in range(3):
            assert (await it.web.get("/a")).status_code == 200
            await asyncio.sleep(1.1)
        async with asyncio.timeout(30):
            while (await metrics(place))["access_log_dropped_total"] != 3:
                await asyncio.sleep(0.1)
        assert it.said().count("access-log-not-written") == 1
        await until(lambda: "access-log-lacks" in it.said())


async def test_a_log_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    """Standard output is a pipe which is full: the thread waits, the proxy does not."""
    it, (reads, writes) = Chp(tmp_path, "--access-log", "-"), os.pipe()
    with (tmp_path / "log").open("ab") as log:
        it.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "perijove.proxy.chp", *it.places, *it.more,
            env={"CONFIGPROXY_AUTH_TOKEN": it.token}, stderr=log, stdout=writes,
        )  # fmt: skip
    os.close(writes)
    try:
        await until(lambda: "serving" in it.said())
        async with serving(mirror) as port:
            await it.add("/a", port)
            for number in range(150):  # twice what a pipe takes
                answer = await it.web.get(f"/a/{'x' * 900}{number}")
                assert answer.status_code == 200
            assert json.loads(os.read(reads, 1 << 20).split(b"\n")[0])["status"] == 200
    finally:
        assert await it.end() == 2
        os.close(reads)


def test_a_log_that_cannot_be_written_and_a_share_that_is_none_are_refused() -> None:
    said = refused("--port", str(free_port()), "--access-log", "/nowhere/x")
    assert said.returncode == 1
    assert "Cannot write --access-log /nowhere/x: No such file or directory." in said.stderr
    for share in ("2", "-0.1", "x", "nan"):
        said = refused(f"--access-log-sample={share}")
        assert f"{share} is no share; 0 to 1 is" in said.stderr


async def test_the_sample_is_a_part(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"), "--access-log-sample", "0.2")
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        for _ in range(300):
            await it.web.get("/a")
        await it.web.get("/a%zz")
        await until(lambda: any(it["status"] == 400 for it in entries(tmp_path)))
        assert 15 < len(entries(tmp_path)) - 1 < 120


def serving_beside(it: Chp) -> str:
    """Return what it says, once another process serves beside it."""
    return said if "worker-serves" in (said := it.said()) else ""


def writes_anew(pid: int) -> bool:
    """Return whether a process has opened the log anew."""
    opened = set[str]()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            opened.add(file.readlink().name)
    return "access.log" in opened and "access.log.1" not in opened


async def test_each_of_several_processes_writes_it_and_opens_it_anew(tmp_path: Path) -> None:
    more = ("--access-log", str(tmp_path / "access.log"), "--workers", "2")
    async with serving(mirror) as port, chp(tmp_path, *more) as it:
        await it.add("/a", port)
        (other,) = re.findall(r"worker-serves pid=(\d+)", await until(lambda: serving_beside(it)))
        pids = (it.process.pid, int(other))

        async def asked() -> None:
            async with httpx.AsyncClient() as web:
                assert (await web.get(f"http://127.0.0.1:{it.port}/a/x")).status_code == 200

        for _ in range(30):
            await asked()
        found = await logged(tmp_path, 30)
        assert len({line["id"] for line in found}) == 30
        (tmp_path / "access.log").rename(tmp_path / "access.log.1")
        it.process.send_signal(signal.SIGHUP)
        await until(lambda: all(writes_anew(pid) for pid in pids))
        for _ in range(30):
            await asked()
        assert len(await logged(tmp_path, 30)) == 30
        assert len(entries(tmp_path, "access.log.1")) == 30


# metrics


def held(over: asyncio.Event) -> Handler:
    """Return what answers once something is over."""

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await over.wait()
        writer.write(ok(b"late"))

    return late


async def test_the_pool_the_table_and_the_drain_are_counted(tmp_path: Path) -> None:
    place = free_port()
    more = ("--metrics-ip", "127.0.0.1", "--metrics-port", str(place), "--drain", "20")
    asked, over = asyncio.Event(), asyncio.Event()
    async with serving(mirror) as port, serving(telling(held(over), asked)) as slow:
        it = Chp(tmp_path, *more)
        await it.start()
        await it.add("/a", port)
        await it.add("/slow", slow)
        for _ in range(3):
            await it.web.get("/a")
        found = await metrics(place)
        assert found["upstream_connections_total"] == 1
        assert found["upstream_reuses_total"] == 2
        assert found["idle_upstreams"] == 1
        assert found["table_version"] == 2
        assert 0 <= found["table_age_seconds"] < 10
        assert (found["draining"], found["connections"]) == (0, 1)
        task = asyncio.create_task(httpx.AsyncClient().get(f"http://127.0.0.1:{it.port}/slow"))
        await asyncio.wait_for(asked.wait(), 20)
        it.process.send_signal(signal.SIGTERM)
        await measured(place, draining=1, connections=1)
        over.set()
        assert (await task).status_code == 200
        assert await it.ended() == 2
        await it.end()


async def test_handshakes_are_counted(tmp_path: Path) -> None:
    place, key, cert = free_port(), tmp_path / "key", tmp_path / "cert"
    certify(key, cert)
    more = ("--metrics-ip", "127.0.0.1", "--metrics-port", str(place),
            "--ssl-key", str(key), "--ssl-cert", str(cert))  # fmt: skip
    async with chp(tmp_path, *more) as it:
        believing = ssl.create_default_context(cafile=str(cert))
        believing.check_hostname = False
        async with httpx.AsyncClient(verify=believing) as web:
            url = f"https://127.0.0.1:{it.port}/_chp_healthz"
            assert (await web.get(url)).status_code == 200
            assert (await web.get(url)).status_code == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: e\r\n\r\n")  # no TLS at all
        await reader.read()
        writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.close()  # says nothing
        found = await measured(place, **{'tls_handshakes_total{result="failed"}': 2})
        assert found['tls_handshakes_total{result="done"}'] == 1


# perijove proxy


async def test_the_hub_s_proxy_does_the_same(tmp_path: Path) -> None:
    place = free_port()
    more = ("--access-log", str(tmp_path / "access.log"), "--metrics-port", str(place))
    async with proxied(tmp_path, more=more) as (proxy, hub):
        said = (await proxy.get("/user/ada/x?y=z", "X-Request-ID: mine")).decode()
        assert said.count("X-Request-ID: mine\r\n") == 2
        await hub.change({"/user/away/": free_port()})
        await proxy.knows("/user/away/", by=b"hub says 503")
        said = (await proxy.get("/user/away/", "X-Request-ID: theirs")).decode()
        assert said.count("X-Request-ID: theirs\r\n") == 1
        assert "X-Request-ID: theirs\r\n" in hub.apologies[-1]
        found = await until(lambda: [it for it in entries(tmp_path) if it["id"] == "mine"])
        assert found[0]["route"] == "/user/ada/"
        (tmp_path / "access.log").rename(tmp_path / "access.log.1")
        proxy.process.send_signal(signal.SIGHUP)
        await until((tmp_path / "access.log").exists)
        assert (await metrics(place))["table_age_seconds"] < 30
