"""The proxy follows the hub's feed, serves without it, and tells it what was used."""

import asyncio
import json
import math
import signal
import time
from datetime import datetime
from pathlib import Path

from perijove.proxy.metrics import OURS
from tests.integration.proxy_parts import (
    Hub,
    Proxy,
    mirror,
    ok,
    proxied,
    read_request,
    serving,
)
from tests.ports import free_port


async def named(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(ok(b"I am the other"))


async def test_a_change_reaches_the_proxy_at_once(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub), serving(named) as port:
        assert b"hub:" in await proxy.get("/user/bob/")
        await hub.change({"/user/bob/": port})
        await proxy.knows("/user/bob/", by=b"I am the other", seconds=10)
        await hub.change({}, gone=("/user/bob/",))
        await proxy.knows("/user/bob/", by=b"hub:", seconds=10)  # what is not pushed comes after 20
        assert sum("after=" not in url for url in hub.asked) == 1, "all else were deltas"


async def test_a_wrong_checksum_makes_it_ask_for_the_whole(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub), serving(named) as port:
        hub.lie = True
        await hub.change({"/user/bob/": port})
        await proxy.knows("/user/bob/", by=b"I am the other")
        assert sum("after=" not in url for url in hub.asked) == 2
        assert "checksum" in proxy.said()


async def test_what_the_feed_sends_wrongly_changes_nothing(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub):
        hub.entries = {**hub.entries, "/user/eve/": {"target": 3}}
        hub.version = 100
        await asyncio.sleep(0.3)
        assert b"GET /user/ada/" in await proxy.get("/user/ada/")
        assert await proxy.serves()


async def soonest_back(proxy: Proxy, within: float) -> float:
    """Return after how many seconds it serves who is killed, at best: a machine may be busy."""
    quickest = math.inf
    for _ in range(8):
        await proxy.end(signal.SIGKILL)
        began = time.monotonic()
        await proxy.start()
        assert b"GET /user/ada/x" in await proxy.get("/user/ada/x")
        quickest = min(quickest, time.monotonic() - began)
        if quickest < within:
            break
    return quickest


async def test_killed_it_is_back_within_a_second_without_the_hub(tmp_path: Path) -> None:
    async with serving(mirror) as port:
        async with serving(hub := Hub(0)) as hub.port:
            proxy = Proxy(free_port(), hub.port, tmp_path)
            hub.entries = {"/user/ada/": {"target": f"http://127.0.0.1:{port}"}}
            began = time.monotonic()
            await proxy.start()
            await proxy.knows("/user/ada/x", by=b"GET /user/ada/x")
            within = max(1.0, 2 * (time.monotonic() - began))  # with the hub it takes no less
            saved = tmp_path / "routes.json"
            while not saved.exists():
                await asyncio.sleep(0.01)
            assert saved.stat().st_mode & 0o777 == 0o600
            assert json.loads(saved.read_text())["version"] == 1
        assert await soonest_back(proxy, within) < within
        said = await proxy.get("/hub/home", "Accept: text/html")
        assert said.startswith(b"HTTP/1.1 503 ")
        assert "平台暂时没有响应" in said.decode()
        said = await proxy.get("/hub/home", "Accept: application/json")
        assert json.loads(said.partition(b"\r\n\r\n")[2])["status"] == 503
        async with serving(hub, hub.port):
            await hub.change({"/user/ada/": free_port()})
            await proxy.knows("/user/ada/", by=b"hub says 503", seconds=20)
        await proxy.end()


async def test_a_damaged_table_on_disk_is_said_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "routes.json").write_text('{"version": 3, "routes": {"/user/a/": {"target":')
    async with proxied(tmp_path) as (proxy, _):
        assert "table-not-loaded" in proxy.said()
        assert b"GET /user/ada/" in await proxy.get("/user/ada/")


async def test_routes_come_and_go_under_traffic_without_an_error(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub), serving(named) as port:
        errors, count, end = [], 0, asyncio.Event()

        async def ask() -> None:
            nonlocal count
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            while not end.is_set():
                writer.write(b"POST /user/ada/ HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n\r\nhi")
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    errors.append(head)
                await reader.readuntil(b"\r\n\r\nhi")
                count += 1
            writer.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(ask())
            number = 0
            while number < 60 or (count <= 500 and not errors):
                number += 1
                await hub.change({f"/user/u{number}/": port, "/user/ada/lab/": port})
                await hub.change({}, gone=(f"/user/u{number - 2}/", "/user/ada/lab/"))
                await asyncio.sleep(0.01)
            end.set()
        assert not errors
        await proxy.knows(f"/user/u{number}/", by=b"I am the other")


async def told(hub: Hub, count: int) -> None:
    """Wait until so many reports have come, and for a moment whether more do."""
    async with asyncio.timeout(20):
        while len(hub.reports) < count:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


async def test_use_is_told_in_batches_and_kept_while_the_hub_is_deaf(tmp_path: Path) -> None:
    more = ("--activity-interval", "0.1")
    async with proxied(tmp_path, more=more) as (proxy, hub), serving(named) as port:
        hub.deaf = True
        await hub.change({"/user/bob/": port})
        await proxy.knows("/user/bob/", by=b"I am the other")
        await proxy.get("/user/ada/")
        await asyncio.sleep(0.3)
        hub.deaf = False
        await told(hub, 1)
        assert [sorted(report) for report in hub.reports] == [["/user/ada/", "/user/bob/"]]
        assert abs(_seconds(hub.reports[0]["/user/ada/"]) - time.time()) < 5
        await proxy.get("/user/ada/")
        await told(hub, 2)
        assert [sorted(report) for report in hub.reports[1:]] == [["/user/ada/"]]


async def test_an_answer_that_is_no_success_is_no_use(tmp_path: Path) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")

    more = ("--activity-interval", "0.1")
    async with proxied(tmp_path, upstream, more) as (proxy, hub):
        assert b" 302 " in await proxy.get("/user/ada/")
        await asyncio.sleep(0.3)
        assert hub.reports == []


async def test_a_server_that_is_gone_is_answered_with_the_page_of_the_hub(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, hub):
        await hub.change({"/user/bob/": free_port()})
        await proxy.knows("/user/bob/tree?a=b", by=b"hub says 503")
        said = await proxy.get("/user/bob/tree?a=b&c")
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nContent-Type: text/html\r\n" in said
        assert said.endswith(b"/hub/error/503?url=%2Fuser%2Fbob%2Ftree%3Fa%3Db%26c")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


async def test_what_it_does_can_be_watched(tmp_path: Path) -> None:
    port = free_port()
    async with proxied(tmp_path, more=("--metrics-port", str(port))) as (proxy, hub):
        for path, wanted in (("/user/ada/x", b"200 OK"), ("/a%zz", b"400 Bad Request")):
            assert wanted in await proxy.get(path)
        await hub.change({"/user/away/": free_port()})
        await proxy.knows("/user/away/", by=b"hub says 503")
        body = "x" * 1000
        head = f"POST /user/ada/ HTTP/1.1\r\nHost: e\r\nContent-Length: {len(body)}\r\n"
        assert body.encode() in await proxy.ask(f"{head}Connection: close\r\n\r\n{body}".encode())
        metrics = Proxy(port, hub.port, tmp_path)
        told = (await metrics.get("/metrics")).decode()
        found = dict(line.rsplit(" ", 1) for line in told.splitlines() if line[:9] == "perijove_")
        assert found['perijove_proxy_refused_total{reason="bad-path"}'] == "1"
        assert int(found['perijove_proxy_upstream_errors_total{cause="connect"}']) >= 1
        assert int(found['perijove_proxy_requests_total{status="200"}']) >= 2
        assert found["perijove_proxy_received_bytes_total"] == "1000"
        assert int(found["perijove_proxy_sent_bytes_total"]) > 1000
        assert found["perijove_proxy_routes"] == "3"
        assert found["perijove_proxy_table_version"] == "2"
        assert float(found["perijove_proxy_hub_silence_seconds"]) < 30
        answers = sum(int(it) for name, it in found.items() if "requests_total{" in name)
        assert found["perijove_proxy_response_seconds_count"] == str(answers)
        assert found['perijove_proxy_response_seconds_bucket{le="+Inf"}'] == str(answers)
        assert (await metrics.get("/other")).startswith(b"HTTP/1.1 404")
        assert {name.partition("{")[0].partition("_bucket")[0] for name in found} >= {
            f"perijove_proxy_{name}" for name, (kind, *_) in OURS.items() if kind != "histogram"
        }
