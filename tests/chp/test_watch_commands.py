"""`perijove proxy routes` and `perijove proxy top`, on running proxies of both command lines."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from perijove.cli.rates import Look, rates, read, shown
from tests.chp.process import TOKEN, chp
from tests.integration.proxy_parts import TOKEN as HUB_TOKEN
from tests.integration.proxy_parts import echo, mirror, proxied, serving
from tests.ports import free_port


async def perijove(*given: str, token: str = "") -> tuple[int, str, str]:
    """Run a command; return its exit code and what it said."""
    environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": token}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "perijove", "proxy", *given, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 80)
    assert "Traceback" not in err.decode()
    return int(process.returncode or 0), out.decode(), err.decode()


async def told(*given: str, token: str = "") -> Any:
    """Return what a command says as JSON."""
    code, out, err = await perijove(*given, "-o", "json", token=token)
    assert code == 0, err
    return json.loads(out)


async def test_routes_are_listed_filtered_and_sorted(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path, token=f"{TOKEN},other") as it:
        api = ("--api", f"http://127.0.0.1:{it.api_port}")
        assert await perijove("routes", *api, token=TOKEN) == (0, "", "There are no routes.\n")
        for path in ("/user/bob", "/user/ada", "/user/ada/lab", "/user/adam"):
            await it.add(path, port, user="x\x1b[31m")
        assert list(await told("routes", *api, token=TOKEN)) == [
            "/user/ada", "/user/ada/lab", "/user/adam", "/user/bob",
        ]  # fmt: skip
        below = ("--prefix", "user/ada/")
        found = await told("routes", *api, *below, token=f"{TOKEN},other")
        assert list(found) == ["/user/ada", "/user/ada/lab"]
        assert found["/user/ada"]["target"] == f"http://127.0.0.1:{port}"
        await asyncio.sleep(0.05)
        await it.web.get("/user/bob/")
        found = await told("routes", *api, "--sort", "activity", token=TOKEN)
        assert next(iter(found)) == "/user/bob"
        await it.add("/%C2%9B31m", port)  # what a terminal takes for an order
        code, out, _ = await perijove("routes", *api, token=TOKEN)
        assert code == 0
        assert out.splitlines()[0].split() == ["PREFIX", "TARGET", "LAST", "USED"]
        assert f"http://127.0.0.1:{port}" in out
        assert "\N{REPLACEMENT CHARACTER}31m" in out
        assert "\x9b" not in out


async def test_routes_are_for_who_has_the_token(tmp_path: Path) -> None:
    place = free_port()
    url = f"http://127.0.0.1:{place}"
    async with proxied(tmp_path, more=("--metrics-port", str(place))) as (proxy, hub):
        await proxy.get("/user/ada/")
        file = ("--token-file", str(tmp_path / "token"))
        found = await told("routes", "--api", url, *file)
        assert list(found) == ["/", "/user/ada/"]
        assert found["/"]["target"] == f"http://127.0.0.1:{hub.port}"
        assert found["/user/ada/"]["user"] == "ada"
        assert found["/user/ada/"]["last_activity"].endswith("Z")
        for token in ("", "wrong", f"{HUB_TOKEN}x"):
            code, out, err = await perijove("routes", "--api", url, token=token)
            assert (code, out) == (4, "")
            assert "does not take this token" in err
        (tmp_path / "token").write_text("another\n")
        assert list(await told("routes", "--api", url, *file)) == list(found)
        (tmp_path / "token").write_text("")  # nobody has none
        code, *_ = await perijove("routes", "--api", url)
        assert code == 4
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", place)
            writer.write(b"DELETE /api/routes HTTP/1.0\r\nAuthorization: token another\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 405 ")
            writer.close()


async def test_top_tells_what_happens_just_now(tmp_path: Path) -> None:
    place = free_port()
    more = ("--metrics-ip", "127.0.0.1", "--metrics-port", str(place))
    top = ("top", "--metrics", f"http://127.0.0.1:{place}", "--every", "3")
    async with (
        serving(mirror) as port,
        serve(echo, "127.0.0.1", 0) as server,
        chp(tmp_path, *more) as it,
    ):
        await it.add("/a", port)
        await it.add("/ws", server.sockets[0].getsockname()[1])
        await it.add("/away", free_port())
        await it.web.get("/a/before")
        async with connect(f"ws://127.0.0.1:{it.port}/ws/"):
            task = asyncio.create_task(told(*top))
            while not task.done():  # a machine may take long to begin it
                await it.web.post("/a/x", content=b"x" * 1000)
                await it.web.get("/away")
                await it.web.get("/a%zz")
                await asyncio.sleep(0.2)
            found = await task
        assert 2.5 < found["seconds"] < 20
        assert 1 < found["requests_per_second"] < 40
        assert found["by_status"].keys() == {"200", "503"}
        assert found["received_bytes_per_second"] > 100
        assert found["sent_bytes_per_second"] > found["received_bytes_per_second"]
        assert (found["websockets"], found["routes"]) == (1, 3)
        assert found["connections"] >= 1
        assert (list(found["errors"]), list(found["refused"])) == (["connect"], ["bad-path"])
        assert found["slowest_seconds"]["within"] <= 2.5
        assert found["mean_seconds"] > 0
        code, out, _ = await perijove("top", *top[1:3], "--every", "0.5", "--once")
        assert code == 0
        assert [line.split()[0] for line in out.splitlines()] == [
            "requests", "bytes", "open", "refused", "errors", "slowest", "routes",
        ]  # fmt: skip
        assert "no answers" in out


async def test_top_on_a_terminal_is_drawn_until_ctrl_c(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    async with proxied(tmp_path, more=("--metrics-socket", str(place))):
        ours, theirs = os.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "perijove", "proxy", "top", "--metrics", str(place)),
            *("--every", "0.5"), stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)
        shown_so_far = b""
        while shown_so_far.count(b"requests") < 3:
            shown_so_far += await asyncio.wait_for(asyncio.to_thread(os.read, ours, 65_536), 20)
        process.send_signal(signal.SIGINT)
        reading = asyncio.create_task(asyncio.to_thread(_drained, ours))
        assert await asyncio.wait_for(process.wait(), 20) == 130
        await reading
        os.close(ours)
    assert not place.exists()


def _drained(ours: int) -> None:
    try:
        while os.read(ours, 65_536):
            pass
    except OSError:  # the other end is closed
        pass


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("routes", "--api", "nonsense"), 2, "nonsense is no address of a proxy"),
        (("routes", "--api", "http://127.0.0.1:x"), 2, "is no address of a proxy"),
        (("routes", "--api", "ftp://127.0.0.1"), 2, "is no address of a proxy"),
        (("routes", "--api", "http://127.0.0.1:1"), 1, "(Connection refused). Is it up?"),
        (("top", "--metrics", "/nowhere"), 1, "(No such file or directory). Is it up?"),
        (("routes", "--token-file", "/nowhere"), 2, "Cannot read the token file /nowhere"),
        (("top", "--data", "/nowhere"), 1, "`perijove up --data /nowhere` starts it"),
        (("routes", "--data", "/nowhere"), 1, "run `perijove up` there first"),
        (("top", "--every", "0"), 2, "0 is no time"),
        (("--access-log-sample", "7"), 2, "7 is no share; 0 to 1 is"),
    ],
)
async def test_a_mistake_is_one_sentence(given: tuple[str, ...], code: int, words: str) -> None:
    found, out, err = await perijove(*given)
    assert (found, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


async def test_another_program_is_said_to_be_one(tmp_path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = b"" if "/metrics" in head else b"[1]"
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\x01\r\n")

    async with serving(other) as port, serving(deaf) as silent, chp(tmp_path) as it:
        url = f"http://127.0.0.1:{port}"
        for given, words in (
            (("routes", "--api", url), "does not tell of routes"),
            (("top", "--metrics", url, "--once"), "it has none of its metrics"),
            (("top", "--metrics", f"http://127.0.0.1:{silent}", "--once"), "Cannot reach"),
            (("top", "--metrics", f"http://127.0.0.1:{it.api_port}"), "There is no /metrics at"),
        ):
            code, out, err = await perijove(*given)
            assert (code, out) == (1, "")
            assert words in err


def test_a_counter_that_begins_anew_is_that_of_another_process() -> None:
    def look(at: float, answers: int) -> Look:
        page = (
            "# HELP perijove_proxy_connections x\n"
            "perijove_proxy_connections 3\n"
            f'perijove_proxy_requests_total{{status="200"}} {answers}\n'
            f'perijove_proxy_response_seconds_bucket{{le="0.1"}} {answers}\n'
            f'perijove_proxy_response_seconds_bucket{{le="+Inf"}} {answers + 1}\n'
            f"perijove_proxy_response_seconds_count {answers + 1}\n"
            "perijove_proxy_response_seconds_sum 4.5\n"
        )
        return Look(at=at, values=read(page))

    found = rates(look(0, 1000), look(10, 20))
    assert found["requests_per_second"] == 2.0
    assert found["slowest_seconds"] == {"over": 0.1, "within": None}
    assert "0.1 to any time until" in shown(found)["slowest"]


def test_a_box_has_a_place_where_one_can_be(tmp_path: Path) -> None:
    from perijove.cli.box import Box, Ports  # noqa: PLC0415
    from perijove.cli.front import of_box  # noqa: PLC0415
    from perijove.settings import Settings  # noqa: PLC0415

    for path, can in ((tmp_path, True), (tmp_path / ("x" * 110), False)):
        box = Box(path)
        (path / "run").mkdir(parents=True)
        options = of_box(box, Ports(public=1, hub=2), Settings())
        assert ("--metrics-socket" in options) is can
        assert [it.name for it in (path / "run").iterdir()] == ["scheme"]
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(Box(tmp_path).proxy))
    assert "--metrics-socket" in of_box(Box(tmp_path), Ports(public=1, hub=2), Settings())
