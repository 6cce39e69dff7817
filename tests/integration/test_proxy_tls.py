"""TLS of `perijove proxy`: names, new certificates, the port without it, another process."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from perijove.proxy.certificates import Certificate, by_name
from perijove.proxy.tls import Terms
from tests.certificates import Files as Signed
from tests.integration.proxy_parts import Proxy, proxied
from tests.ports import free_port

HSTS = b"strict-transport-security: max-age=600\r\n"


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return Signed(tmp_path)


@asynccontextmanager
async def secure(
    folder: Path, signed: Signed, *more: str, names: tuple[str, ...] = ("one.test",)
) -> AsyncIterator[Proxy]:
    """Run a proxy with a certificate of its own for each of `names`."""
    options = list(more)
    for name in names:
        key, cert = signed.signed(name)
        options += ["--ssl-cert", cert, "--ssl-key", key]
    async with proxied(folder, more=tuple(options), tls=signed.trusting()) as (proxy, _):
        yield proxy


async def shown(proxy: Proxy, trusted: ssl.SSLContext, name: str | None) -> tuple[set[str], str]:
    """Return the names and the number of the certificate that is shown to who asks for `name`."""
    trusted.check_hostname = False
    _, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.port, ssl=trusted, server_hostname=name or ""
    )
    found = writer.get_extra_info("peercert")
    writer.close()
    return {it for kind, it in found["subjectAltName"] if kind == "DNS"}, found["serialNumber"]


async def logged(proxy: Proxy, word: str, times: int = 1) -> None:
    end = time.monotonic() + 20
    while proxy.said().count(word) < times:
        assert time.monotonic() < end, proxy.said()
        await asyncio.sleep(0.02)


async def test_each_name_is_shown_its_certificate_and_any_other_the_first(
    tmp_path: Path, signed: Signed
) -> None:
    names = ("one.test", "*.lab.test", "two.test")
    async with secure(tmp_path, signed, names=names) as proxy:
        for asked, has in (
            ("one.test", "one.test"),
            ("TWO.test", "two.test"),
            ("ada.lab.test", "*.lab.test"),
            ("a.da.lab.test", "one.test"),
            ("lab.test", "one.test"),
            ("nobody.test", "one.test"),
            (None, "one.test"),
        ):
            found, _ = await shown(proxy, signed.trusting(), asked)
            assert has in found, asked


async def test_requests_are_told_that_they_came_by_https(tmp_path: Path, signed: Signed) -> None:
    async with secure(tmp_path, signed) as proxy:
        answer = await proxy.get("/user/ada/")
        assert b"X-Forwarded-Proto: https\r\n" in answer
        assert b"strict-transport" not in answer.lower(), "nobody asked for it"


async def test_new_certificates_are_shown_while_everybody_works_on(
    tmp_path: Path, signed: Signed
) -> None:
    over, count, wrong = asyncio.Event(), 0, list[bytes]()

    async def come_and_go(proxy: Proxy) -> None:
        nonlocal count
        while not over.is_set():
            answer = await proxy.get("/user/ada/")
            count += 1
            wrong.extend([answer] if not answer.startswith(b"HTTP/1.1 200") else [])

    async def stay(proxy: Proxy) -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=proxy.tls)
        while not over.is_set():
            writer.write(b"GET /_perijove/health HTTP/1.1\r\nHost: e\r\n\r\n")
            wrong.extend([] if b" 200 " in await reader.readuntil(b"\r\n\r\n") else [b"kept"])
            await reader.readexactly(len(b'{"status": "OK"}'))
            count += 1
            await asyncio.sleep(0.001)
        writer.close()

    async with secure(tmp_path, signed, names=("one.test", "two.test")) as proxy:
        work = [asyncio.create_task(it(proxy)) for it in (come_and_go, come_and_go, stay, stay)]
        before = await shown(proxy, signed.trusting(), "two.test")
        for times in range(1, 6):
            signed.signed("two.test")
            os.kill(proxy.pid, signal.SIGHUP)
            await logged(proxy, "certificate-read", times)
            now = await shown(proxy, signed.trusting(), "two.test")
            assert now != before
            before = now
        over.set()
        await asyncio.gather(*work)
        assert not wrong
        assert count > 20


async def test_a_bad_file_changes_nothing_but_its_own_and_is_told_of(
    tmp_path: Path, signed: Signed
) -> None:
    async with secure(tmp_path, signed, names=("one.test", "two.test")) as proxy:
        trusted = signed.trusting()
        one, two = [await shown(proxy, trusted, name) for name in ("one.test", "two.test")]
        signed.signed("one.test")
        (tmp_path / "two.test.crt").write_text("nonsense")
        os.kill(proxy.pid, signal.SIGHUP)
        await logged(proxy, "certificate-kept")
        assert f"{tmp_path}/two.test.crt is no good: " in proxy.said()
        assert "the one before is shown on" in proxy.said()
        assert await shown(proxy, trusted, "one.test") != one
        assert await shown(proxy, trusted, "two.test") == two


async def test_browsers_are_told_to_come_with_tls_only_if_asked_and_never_without_it(
    tmp_path: Path, signed: Signed
) -> None:
    plain = free_port()
    async with secure(tmp_path, signed, "--hsts", "600", "--redirect-port", str(plain)) as proxy:
        for path in ("/user/ada/", "/_perijove/health", "/user/ada/%zz"):
            assert (await proxy.get(path)).lower().count(HSTS) == 1, path
        led = Proxy(plain, 0, tmp_path)
        answer = await led.get("/user/ada/?a=b")
        assert answer.startswith(b"HTTP/1.1 301 ")
        assert f"Location: https://edge:{proxy.port}/user/ada/?a=b\r\n".encode() in answer
        assert b"strict-transport" not in answer.lower()
        for path in ("/_perijove/health", "/_chp_healthz"):
            answer = await led.get(path)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b'{"status": "OK"}')


async def test_no_server_says_for_all_of_them_that_tls_is_not_needed(
    tmp_path: Path, signed: Signed
) -> None:
    async def weak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nStrict-transport-SECURITY: max-age=0\r\n\r\n"
        )
        await writer.drain()

    key, cert = signed.signed("one.test")
    more = ("--ssl-cert", cert, "--ssl-key", key, "--hsts", "600")
    async with proxied(tmp_path, weak, more, signed.trusting()) as (proxy, _):
        answer = (await proxy.get("/user/ada/")).lower()
        assert answer.count(b"strict-transport-security") == answer.count(HSTS) == 1


async def test_another_process_takes_over_with_the_certificate_that_is_there_by_then(
    tmp_path: Path, signed: Signed
) -> None:
    pid = tmp_path / "pid"
    async with secure(tmp_path, signed, "--pid-file", str(pid)) as proxy:
        before = await shown(proxy, signed.trusting(), "one.test")
        first = pid.read_text()
        signed.signed("one.test")
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=proxy.tls)
        os.kill(proxy.pid, signal.SIGUSR2)
        end = time.monotonic() + 20
        while pid.read_text() == first:
            answer = await proxy.get("/user/ada/")
            assert answer.startswith(b"HTTP/1.1 200")
            assert time.monotonic() < end, proxy.said()
        while await shown(proxy, signed.trusting(), "one.test") == before:  # both listen a moment
            assert time.monotonic() < end, proxy.said()
            await asyncio.sleep(0.02)
        writer.write(b"GET /user/ada/ HTTP/1.1\r\nHost: e\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n"), "the old one serves who was there"
        writer.close()
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (("--ssl-cert", "/nowhere"), 1, "the certificate /nowhere is no good: /nowhere: No such"),
        (("--ssl-cert", "{one}.crt"), 1, "is no good: "),
        (("--ssl-cert", "{one}.crt", "--ssl-key", "{two}.key"), 1, "its key is that of another"),
        (("--ssl-key", "{one}.key"), 2, "--ssl-key must be given once for each --ssl-cert"),
        (("--hsts", "600"), 2, "--redirect-port, --hsts and --http2 need --ssl-cert"),
        (("--ssl-cert", "{one}.crt", "--hsts", "x"), 2, "x is no number of seconds"),
    ],
)
def test_what_is_no_certificate_is_refused_in_words(
    tmp_path: Path, signed: Signed, more: tuple[str, ...], code: int, sentence: str
) -> None:
    for name in ("one", "two"):
        signed.signed(name)
    (tmp_path / "token").write_text("x")
    given = [it.format(one=tmp_path / "one", two=tmp_path / "two") for it in more]
    ended = subprocess.run(
        [sys.executable, "-m", "perijove.proxy", "--hub", "http://127.0.0.1:9",
         "--token-file", str(tmp_path / "token"), "--table", str(tmp_path / "table"), *given],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_names_of_a_certificate_are_found_in_its_file(signed: Signed) -> None:
    many = [f"host-{number}.lab.example.test" for number in range(300)]  # a long list
    for names in (["one.test"], many):
        key, cert = signed.signed(names[0], *names[1:])
        found = Certificate(cert=Path(cert), key=Path(key)).names()
        assert found == {*names, "localhost"}


def test_who_looks_for_certificates_may_have_others_than_files(signed: Signed) -> None:
    """The seam for one who fetches them: it is asked at each handshake."""
    made = [
        Terms().shown(Certificate(cert=Path(cert), key=Path(key)))
        for key, cert in (signed.signed("one.test"), signed.signed("two.test"))
    ]

    class Fetched:
        now = made[0]

        def find(self, _name: str) -> ssl.SSLContext:
            return self.now

        def look_again(self) -> list[str]:
            self.now = made[1]
            return []

    store = Fetched()
    listening = by_name(store)
    assert agreed(listening, signed) == "one.test"
    store.look_again()
    assert agreed(listening, signed) == "two.test"


def agreed(listening: ssl.SSLContext, signed: Signed) -> str:
    """Shake hands in memory; return the first name that is shown."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = signed.trusting()
    client = trusting.wrap_bio(back, there, server_hostname="localhost")
    server = listening.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    names: tuple[tuple[str, str], ...] = client.getpeercert()["subjectAltName"]  # type: ignore[index,assignment]
    return names[0][1]


async def test_every_process_shows_the_new_certificate(tmp_path: Path, signed: Signed) -> None:
    async with secure(tmp_path, signed, "--workers", "2", "--http2") as proxy:
        before = await shown(proxy, signed.trusting(), "one.test")
        for _ in range(10):
            assert await shown(proxy, signed.trusting(), "one.test") == before
        signed.signed("one.test")
        os.kill(proxy.pid, signal.SIGHUP)
        end, fresh = time.monotonic() + 10, 0
        while fresh < 20:
            assert time.monotonic() < end, proxy.said()
            new = await shown(proxy, signed.trusting(), "one.test") != before
            fresh = fresh + 1 if new else 0
            await asyncio.sleep(0.01)
