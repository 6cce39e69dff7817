"""TLS on every side, and sockets that speak it."""

import asyncio
import base64
import os
import signal
import ssl
import time
import warnings
from pathlib import Path

import httpx
import pytest
import trustme

from tests.certificates import Files
from tests.chp.process import Chp, chp
from tests.integration.proxy_parts import mirror
from tests.ports import free_port


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def running(it: Chp, scheme: str = "https") -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{scheme}://127.0.0.1:{it.port}")


async def test_the_proxy_speaks_tls_and_leads_there_from_another_port(
    tmp_path: Path, files: Files
) -> None:
    key, cert = files.signed("proxy")
    plain = free_port()
    more = ("--ssl-key", key, "--ssl-cert", cert, "--redirect-port", str(plain),
            "--hsts", "600")  # fmt: skip
    server = await asyncio.start_server(_mirror, "127.0.0.1", 0)
    async with chp(tmp_path, *more) as it:
        await it.add("/", server.sockets[0].getsockname()[1])
        async with httpx.AsyncClient(verify=files.trusting()) as web:
            answer = await web.get(f"https://127.0.0.1:{it.port}/x")
            assert answer.text.startswith("GET /x HTTP/1.1\r\n")
            assert "x-forwarded-proto: https" in answer.text.lower()
            assert f"x-forwarded-port: {it.port}" in answer.text.lower()
            big = await web.post(f"https://127.0.0.1:{it.port}/x", content=b"x" * 5_000_000)
            assert big.text.endswith("x" * 5_000_000)
            led = await web.get(f"http://127.0.0.1:{plain}/a?b=c")
            assert led.status_code == 301
            assert led.headers["location"] == f"https://127.0.0.1:{it.port}/a?b=c"
            assert answer.headers["strict-transport-security"] == "max-age=600"
            assert "strict-transport-security" not in led.headers
            well = await web.get(f"http://127.0.0.1:{plain}/_chp_healthz")
            assert (well.status_code, well.json()) == (200, {"status": "OK"})
            none = await web.get(f"http://127.0.0.1:{plain}/", headers={"host": "a/b"})
            assert none.status_code == 400
            with pytest.raises(httpx.TransportError):
                await web.get(f"http://127.0.0.1:{it.port}/")
    server.close()


async def _mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await mirror(reader, writer)
    except EOFError:
        writer.close()


async def test_browsers_that_ask_for_it_are_spoken_to_in_http_2(
    tmp_path: Path, files: Files
) -> None:
    key, cert = files.signed("proxy")
    more = ("--ssl-key", key, "--ssl-cert", cert, "--http2", "--hsts", "600")
    server = await asyncio.start_server(_mirror, "127.0.0.1", 0)
    async with chp(tmp_path, *more) as it:
        await it.add("/", server.sockets[0].getsockname()[1])
        url = f"https://127.0.0.1:{it.port}/x"
        for http2, spoken in ((True, "HTTP/2"), (False, "HTTP/1.1")):
            async with httpx.AsyncClient(http2=http2, verify=files.trusting()) as web:
                answer = await web.get(url)
                assert (answer.status_code, answer.http_version) == (200, spoken)
                assert "x-forwarded-proto: https" in answer.text.lower()
                assert answer.headers["strict-transport-security"] == "max-age=600"
    server.close()


async def test_a_new_certificate_is_shown_after_a_signal_and_nobody_is_cut(
    tmp_path: Path, files: Files
) -> None:
    key, cert = files.signed("proxy")

    async def shown(it: Chp) -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", it.port, ssl=files.trusting())
        writer.close()
        return int(writer.get_extra_info("peercert")["serialNumber"], 16)

    async def told(it: Chp, word: str) -> None:
        os.kill(it.process.pid, signal.SIGHUP)
        end = time.monotonic() + 20
        while word not in it.said():
            assert time.monotonic() < end, it.said()
            await asyncio.sleep(0.02)

    async with chp(tmp_path, "--ssl-key", key, "--ssl-cert", cert) as it:
        old = await shown(it)
        async with httpx.AsyncClient(verify=files.trusting()) as kept:
            url = f"https://127.0.0.1:{it.port}/_chp_healthz"
            assert (await kept.get(url)).status_code == 200
            files.signed("proxy", kind=trustme.KeyType.RSA)  # another kind of key than before
            await told(it, "certificate-read")
            new = await shown(it)
            assert new != old
            Path(cert).write_text("nonsense")
            await told(it, "certificate-kept")
            assert await shown(it) == new
            answer = await kept.get(url)
            assert answer.status_code == 200
            assert len(kept._transport._pool.connections) == 1  # type: ignore[attr-defined]


async def test_the_port_that_is_led_to_can_be_another(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    plain = free_port()
    more = ("--ssl-key", key, "--ssl-cert", cert, "--redirect-port", str(plain),
            "--redirect-to", "443")  # fmt: skip
    async with chp(tmp_path, *more) as it:
        led = await it.web.get(f"http://127.0.0.1:{plain}/a", headers={"host": "hub.test:80"})
        assert led.headers["location"] == "https://hub.test/a"


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)
async def test_one_version_and_other_ciphers_can_be_asked_for(
    tmp_path: Path, files: Files, version: ssl.TLSVersion
) -> None:
    key, cert = files.signed("proxy")
    cipher = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    more = ("--ssl-key", key, "--ssl-cert", cert, "--ssl-protocol", "TLSv1_2",
            "--ssl-ciphers", cipher)  # fmt: skip
    async with chp(tmp_path, *more) as it:
        context = files.trusting()
        context.minimum_version = context.maximum_version = version
        if version is not ssl.TLSVersion.TLSv1_2:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("127.0.0.1", it.port, ssl=context)
            return
        _, writer = await asyncio.open_connection("127.0.0.1", it.port, ssl=context)
        assert writer.get_extra_info("cipher")[0] in cipher.split(":")
        writer.close()


async def test_nothing_older_than_1_2_is_spoken(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    async with chp(tmp_path, "--ssl-key", key, "--ssl-cert", cert) as it:
        context = files.trusting()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", it.port, ssl=context)


async def test_clients_are_asked_for_a_certificate(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    names = ("--ssl-key", "--ssl-cert", "--ssl-ca")
    side = (key, cert, str(files.ca))
    public = [it for pair in zip(names, side, strict=True) for it in pair]
    told = [it.replace("--ssl", "--api-ssl") for it in public]
    more = (*public, "--ssl-request-cert", "--ssl-reject-unauthorized",
            *told, "--api-ssl-request-cert", "--api-ssl-reject-unauthorized")  # fmt: skip
    options = ("--api-ssl-key", "--api-ssl-cert", "--api-ssl-ca")
    assert set(options) <= set(told)
    async with chp(tmp_path, *more) as it:
        api = f"https://127.0.0.1:{it.api_port}/api/routes"
        for url, status in ((f"https://127.0.0.1:{it.port}/x", 404), (api, 200)):
            known = httpx.AsyncClient(verify=files.trusting(*files.signed("hub")))
            async with known, httpx.AsyncClient(verify=files.trusting()) as stranger:
                answer = await known.get(url, headers={"authorization": "token t0ken"})
                assert answer.status_code == status
                with pytest.raises(httpx.TransportError):
                    await stranger.get(url)


async def behind(files: Files, *, ask: bool) -> asyncio.Server:
    """Serve with TLS, as a target; `ask`: for a certificate."""
    key, cert = files.signed("target")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ask:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return await asyncio.start_server(_mirror, "127.0.0.1", 0, ssl=context)


async def test_targets_are_believed_if_an_authority_knows_them(
    tmp_path: Path, files: Files
) -> None:
    server = await behind(files, ask=True)
    target = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    key, cert = files.signed("client")
    given = ("--client-ssl-key", key, "--client-ssl-cert", cert, "--client-ssl-ca", str(files.ca),
             "--client-ssl-request-cert", "--client-ssl-reject-unauthorized")  # fmt: skip
    async with chp(tmp_path, *given) as it:
        await it.add("/", target)
        for _ in range(3):
            assert (await it.web.get("/x")).text.startswith("GET /x ")
    server.close()


async def test_and_otherwise_not_unless_everybody_is(tmp_path: Path, files: Files) -> None:
    server = await behind(files, ask=False)
    target = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for more, status in (((), 503), (("--insecure",), 200)):
        (tmp_path / "log").unlink(missing_ok=True)
        async with chp(tmp_path, *more) as it:
            await it.add("/", target)
            assert (await it.web.get("/x")).status_code == status
    server.close()


async def test_parameters_for_an_older_exchange_of_keys_are_read(
    tmp_path: Path, files: Files
) -> None:
    number = b"\x02\x82\x01\x01\x00" + P_2048.to_bytes(256, "big")  # ASN.1: p, then g = 2
    der = b"\x30\x82" + (len(number) + 3).to_bytes(2, "big") + number + b"\x02\x01\x02"
    body = base64.encodebytes(der).decode()
    pem = f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n"
    (tmp_path / "dh.pem").write_text(pem)
    key, cert = files.signed("proxy")
    more = ("--ssl-key", key, "--ssl-cert", cert, "--ssl-dhparam", str(tmp_path / "dh.pem"))
    async with chp(tmp_path, *more) as it, httpx.AsyncClient(verify=files.trusting()) as web:
        assert (await web.get(f"https://127.0.0.1:{it.port}/x")).status_code == 404


P_2048 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A0879"
    "8E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B"
    "0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA4836"
    "1C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804"
    "F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6"
    "955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
"""The group of 2,048 bits of RFC 3526."""


async def test_a_name_that_is_none_is_no_fault_of_ours(tmp_path: Path, files: Files) -> None:
    key, cert = files.signed("proxy")
    bio, mine = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = files.trusting().wrap_bio(bio, mine, server_hostname="odd.test")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    sent = mine.read().replace(b"odd.test", b"\xff\xfed.test")
    assert b"\xff\xfe" in sent
    async with chp(tmp_path, "--ssl-key", key, "--ssl-cert", cert) as it:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
            writer.write(sent)
            await asyncio.wait_for(reader.read(), 20)
            writer.close()
        assert "Unicode" not in it.said()  # nor is there a traceback, as `chp` sees
