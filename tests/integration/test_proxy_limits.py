"""What one client may take of the proxy: heads, connections, sign-ins."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest

from perijove.proxy.options import parse
from tests.integration.proxy_parts import Proxy, proxied, read_head
from tests.ports import free_port

STRANGERS = ("--trusted-proxies", "10.0.0.0/8")
"""With these, the addresses of this machine are those of anybody."""
HOST = b"Host: edge\r\n"


@asynccontextmanager
async def connected(
    proxy: Proxy, address: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, local_addr=(address, 0))
    try:
        yield reader, writer
    finally:
        writer.close()


async def asked(proxy: Proxy, sent: bytes, address: str = "127.0.0.1") -> bytes:
    """Return all that comes back to `sent` from `address`."""
    async with connected(proxy, address) as (reader, writer):
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 20)


async def refused(port: int) -> dict[str, int]:
    """Return how often was refused what, as the metrics tell."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    found = re.findall(r'perijove_proxy_refused_total\{reason="([a-z-]+)"\} (\d+)', text)
    return {reason: int(number) for reason, number in found}


def get(path: bytes = b"/user/ada/", fields: bytes = b"", *, keep: bool = False) -> bytes:
    fields += b"" if keep else b"Connection: close\r\n"
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n"


HEADS = [
    (get(b"/" + b"x" * 16_384), 414, "uri-too-long"),
    (get(b"/user/ada/?q=" + b"x" * 40_000), 414, "uri-too-long"),
    (b"GET /" + b"x" * 20_000, 414, "uri-too-long"),
    (get(fields=b"Cookie: " + b"x" * 65_536 + b"\r\n"), 431, "too-large"),
    (get(keep=True)[:-2] + b"X: " + b"x" * 65_536, 431, "too-large"),
    (get(fields=b"X: 1\r\n" * 256), 431, "too-many-fields"),
    (get(fields=b"X\x00: 1\r\n"), 400, "malformed"),
    (get(b"/%zz/%"), 400, "bad-path"),
    (b"POST /user/ada/ HTTP/1.1\r\nHost: edge\r\nHost: edge\r\n\r\n", 400, "doubled-field"),
]


async def test_a_head_that_is_too_large_has_its_status_its_sentence_and_its_reason(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with proxied(tmp_path, more=("--metrics-port", str(port))) as (proxy, _):
        for sent, status, reason in HEADS:
            before = (await refused(port)).get(reason, 0)
            head, _, body = (await asked(proxy, sent)).decode().partition("\r\n\r\n")
            assert head.startswith(f"HTTP/1.1 {status} "), sent[:40]
            assert "\r\nConnection: close" in head
            assert body.count("\n") == 3, "one sentence in each language, and the id"
            assert (await refused(port))[reason] == before + 1
        longest = get(b"/user/ada/" + b"x" * 16_374)
        most = get(fields=b"X: 1\r\n" * 252)
        for sent in (longest, most):
            assert (await asked(proxy, sent)).startswith(b"HTTP/1.1 200 ")


async def test_empty_lines_gain_no_time_and_many_are_refused(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=("--header-timeout", "1.5")) as (proxy, _):
        async with connected(proxy) as (reader, writer), asyncio.timeout(20):
            task = asyncio.create_task(reader.read())
            while not task.done():
                writer.write(b"\r\n")
                await asyncio.sleep(0.4)
            assert (await task).startswith(b"HTTP/1.1 408 ")
        assert (await asked(proxy, b"\r\n" * 65_536)).startswith(b"HTTP/1.1 400 ")
        sent = b"\r\n\r\n" + get()
        assert (await asked(proxy, sent)).startswith(b"HTTP/1.1 200 ")


async def test_a_head_in_single_bytes_is_refused_where_it_can_be_none(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _), connected(proxy) as (reader, writer):
        for byte in b"GET / HTTP/1.1\r\nHost: e\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert (await asyncio.wait_for(read_head(reader), 20)).startswith("HTTP/1.1 400 ")


async def test_one_address_has_so_many_connections_and_another_its_own(tmp_path: Path) -> None:
    port = free_port()
    more = (*STRANGERS, "--max-connections-per-address", "5", "--metrics-port", str(port))
    async with proxied(tmp_path, more=more) as (proxy, _):
        async with Held(proxy, 5) as held:
            said = await asked(proxy, get())
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: " in said
            assert b"Too many connections from your address" in said
            assert (await asked(proxy, get(), "127.0.0.2")).startswith(b"HTTP/1.1 200 ")
            health = get(b"/_chp_healthz")
            assert (await asked(proxy, health)).startswith(b"HTTP/1.1 200 ")
            assert (await refused(port)) == {"crowded-address": 1}
            held.close(1)
            await proxy.knows("/user/ada/", by=b"HTTP/1.1 200 ")
        await proxy.knows("/user/ada/", by=b"HTTP/1.1 200 ")


async def test_a_trusted_proxy_brings_as_many_as_it_likes(tmp_path: Path) -> None:
    more = ("--max-connections-per-address", "3")
    async with proxied(tmp_path, more=more) as (proxy, _), Held(proxy, 10):
        assert (await asked(proxy, get())).startswith(b"HTTP/1.1 200 ")


async def test_all_together_have_so_many_and_health_is_answered_all_the_same(
    tmp_path: Path,
) -> None:
    port = free_port()
    more = ("--max-connections", "6", "--metrics-port", str(port))
    async with proxied(tmp_path, more=more) as (proxy, hub):
        asked_before = len(hub.asked)
        async with Held(proxy, 6):
            said = await asked(proxy, get())
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: " in said
            async with connected(proxy) as (reader, writer):  # it may take its time to ask
                await asyncio.sleep(0.2)
                writer.write(get(b"/_perijove/health"))
                assert b'{"status": "OK"}' in await asyncio.wait_for(reader.read(), 20)
            async with connected(proxy) as (reader, _writer):  # or never ask
                assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 503 ")
            await hub.change({"/user/bob/": 1})
            async with asyncio.timeout(20):  # the hub is still heard
                while len(hub.asked) == asked_before:
                    await asyncio.sleep(0.02)
            assert (await refused(port)) == {"crowded": 2}
        await proxy.knows("/user/ada/", by=b"HTTP/1.1 200 ")


async def test_who_is_turned_away_leaves_nothing_behind(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=("--max-connections", "5")) as (proxy, _), Held(proxy, 5):
        before = descriptors(proxy)
        silent = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(600)]
        await asyncio.sleep(0.2)
        assert descriptors(proxy) <= before + 17, "the oldest give way"
        assert (await asked(proxy, get(b"/_chp_healthz"))).startswith(b"HTTP/1.1 200 ")
        for _, writer in silent:
            writer.close()
        while descriptors(proxy) > before:
            await asyncio.sleep(0.05)


async def test_what_is_kept_without_a_request_makes_room(tmp_path: Path) -> None:
    more = (*STRANGERS, "--max-connections-per-address", "4")
    async with (
        proxied(tmp_path, more=more) as (proxy, _),
        connected(proxy) as (reader, writer),
        Held(proxy, 3),
    ):
        writer.write(get(keep=True))
        assert "200" in await read_head(reader)
        assert (await asked(proxy, get())).startswith(b"HTTP/1.1 200 ")
        await asyncio.wait_for(reader.read(), 10)  # the one that was idle has been closed


def descriptors(proxy: Proxy) -> int:
    return len(list(Path(f"/proc/{proxy.pid}/fd").iterdir()))


def knocking(proxy: Proxy) -> int:
    """Return how many connections it has not accepted yet, as Linux tells (proc_net_tcp)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    sockets = [line.split() for line in lines]
    (listens,) = [it for it in sockets if it[1].endswith(f":{proxy.port:04X}") and it[3] == "0A"]
    return int(listens[4].rpartition(":")[2], 16)


class Held:
    """So many connections from one address, each in the middle of a head."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        self._proxy, self._number = proxy, number
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._number):
            _, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
            writer.write(b"GET /user/ada/ HTTP/1.1\r\n")
            self._writers.append(writer)
        async with asyncio.timeout(20):
            while knocking(self._proxy):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        return self

    def close(self, number: int) -> None:
        for writer in self._writers[:number]:
            writer.close()

    async def __aexit__(self, *_: object) -> None:
        self.close(self._number)


def sign_in(*fields: str, path: str = "/hub/login") -> bytes:
    more = "".join(f"{line}\r\n" for line in fields)
    head = f"POST {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{more}"
    return f"{head}Content-Length: 8\r\n\r\nuser=ada".encode()


async def test_sign_ins_are_counted_by_address_and_a_flood_is_refused(tmp_path: Path) -> None:
    port = free_port()
    more = (*STRANGERS, "--sign-in-rate", "6", "--metrics-port", str(port))
    async with proxied(tmp_path, more=more) as (proxy, _):
        statuses = [(await asked(proxy, sign_in()))[9:12] for _ in range(8)]
        assert statuses == [b"200"] * 6 + [b"429"] * 2
        said = await asked(proxy, sign_in("Accept: text/html", path="/base/hub/%6Cogin/?next=x"))
        assert said.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"<p lang=en>Too many sign-ins from your address" in said
        after = re.search(rb"\r\nRetry-After: (\d+)\r\n", said)
        assert after
        assert 0 < int(after[1]) <= 10
        assert (await asked(proxy, sign_in(path="/hub/signup"))).startswith(b"HTTP/1.1 429 ")
        assert (await asked(proxy, sign_in(), "127.0.0.2")).startswith(b"HTTP/1.1 200 ")
        # what is no sign-in is no matter
        assert (await asked(proxy, get(b"/hub/login"))).startswith(b"HTTP/1.1 200 ")
        assert (await asked(proxy, sign_in(path="/hub/spawn"))).startswith(b"HTTP/1.1 200 ")
        assert (await refused(port)) == {"sign-ins": 4}


async def test_behind_a_trusted_proxy_the_client_counts_that_it_names(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=("--sign-in-rate", "2")) as (proxy, _):

        async def status(*told: str) -> bytes:
            fields = (f"X-Forwarded-For: {it}" for it in told)
            return (await asked(proxy, sign_in(*fields)))[9:12]

        assert [await status("192.0.2.1") for _ in range(3)] == [b"200", b"200", b"429"]
        # what a client says of itself stands before what the proxy has seen
        assert await status("198.51.100.9, 192.0.2.1") == b"429"
        assert await status("198.51.100.9", "192.0.2.1, 127.0.0.1") == b"429"
        assert await status("192.0.2.1:4711") == b"429"
        assert await status("192.0.2.2") == b"200"
        # of IPv6 a client has a whole network
        statuses = [await status(f"2001:db8::{n}") for n in (1, 2, 3)]
        assert statuses == [b"200", b"200", b"429"]
        assert await status("[2001:db8::4]:99") == b"429"
        assert await status("2001:db8:0:1::1") == b"200"
        # a proxy that does not say whose it is, or nonsense: nobody to count
        assert [await status() for _ in range(3)] == [b"200"] * 3
        assert [await status("unknown") for _ in range(3)] == [b"200"] * 3


async def test_a_whole_class_signs_in_at_once(tmp_path: Path) -> None:
    async with proxied(tmp_path, more=STRANGERS) as (proxy, _):
        for _ in range(6):
            said = await asyncio.gather(*(asked(proxy, sign_in()) for _ in range(50)))
            assert all(it.startswith(b"HTTP/1.1 200 ") for it in said)


async def test_whoever_asks_for_another_host_and_port_is_served(tmp_path: Path) -> None:
    """As through `kubectl port-forward`, `ssh -L` or a tunnel."""
    async with proxied(tmp_path) as (proxy, _):
        for host in ("localhost:18000", "hub.example.org", "[::1]:99", "xn--bcher-kva.example"):
            sent = f"GET /user/ada/?x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            said = await asked(proxy, f"{sent}Origin: http://{host}\r\n\r\n".encode())
            assert said.startswith(b"HTTP/1.1 200 ")
            for line in (f"Host: {host}", f"Origin: http://{host}", f"X-Forwarded-Host: {host}"):
                assert f"\r\n{line}\r\n".encode() in said
            port = host.rpartition(":")[2] if host.endswith(("0", "9")) else "80"
            assert f"\r\nX-Forwarded-Port: {port}\r\n".encode() in said


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--max-connections", "-1", "no limit"), ("--max-connections", "x", "no number"),
     ("--body-timeout", "inf", "no limit"), ("--reader-timeout", "nan", "no limit"),
     ("--sign-in-rate", "1.5", "no number")],
)  # fmt: skip
def test_a_limit_that_is_none_is_said(
    option: str, value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    required = ["--hub", "http://h", "--token-file", "t", "--table", "t"]
    with pytest.raises(SystemExit):
        parse([*required, option, value])
    assert words in capsys.readouterr().err
