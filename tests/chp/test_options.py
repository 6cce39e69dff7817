"""The command line: every option of configurable-http-proxy 5.3 is honoured or refused in words."""

import asyncio
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.chp.process import COMMAND, TOKEN, Chp, chp, refused
from tests.integration.proxy_parts import serving
from tests.ports import free_port

OPTIONS = Path(__file__).with_name("options-5.3.0.txt").read_text().split()
"""As `configurable-http-proxy --help` of that version lists them."""
REFUSED = {
    "--storage-backend": (("--storage-backend", "x"), "names a module of Node.js"),
    "--ssl-allow-rc4": (("--ssl-allow-rc4",), "RC4 is broken"),
}


def test_every_option_is_known_and_has_a_test_or_a_refusal() -> None:
    shown = refused("--help").stdout
    used = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for option in OPTIONS:
        assert re.search(rf"{option}\b(?!-)", shown), option
        if option in REFUSED:
            arguments, sentence = REFUSED[option]
            said = refused(*arguments)
            assert (said.returncode, sentence in said.stderr) == (1, True)
        else:
            assert f'"{option}"' in used, option


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--port", "x"), "x is no port"),
        (("--port", "70000"), "70000 is no port"),
        (("--timeout", "-1"), "--timeout"),
        (("--socket", "/x", "--port", "1"), "--socket cannot be used together with --port"),
        (("--api-socket", "/x", "--api-ip", "a"), "--api-socket cannot be used together"),
        (("--metrics-socket", "/x", "--metrics-port", "1"), "--metrics-socket cannot be used"),
        (("--redirect-port", "1"), "HTTPS redirection specified but certificates not provided"),
        (("--hsts", "1"), "--hsts and --http2 need --ssl-cert"),
        (("--http2",), "--hsts and --http2 need --ssl-cert"),
        (("--hsts", "x", "--ssl-cert", "y"), "x is no number of seconds"),
        (("--error-target", "http://a", "--error-path", "/"), "Pick one"),
        (("--error-target", "nonsense"), "--error-target nonsense makes no sense"),
        (("--error-path", "/nowhere"), "--error-path /nowhere is no folder"),
        (("--default-target", "nonsense"), "a target is http://host:port"),
        (("--custom-header", "no colon"), "A colon was expected in custom header: no colon"),
        (("--custom-header", "a b: c"), "is no name of a field"),
        (("--custom-header", "Content-Length: 3"), "says where a request ends"),
        (("--custom-header", "a: b\rc"), "has a control character"),
        (("--ssl-cert", "/nowhere"), "No such file"),
        (("--ssl-key", "/nowhere"), "comes without a certificate"),
        (("--ssl-protocol", "SSLv3"), "invalid choice: 'SSLv3'"),
        (("--protocol-rewrite", "ftp"), "invalid choice: 'ftp'"),
        (("--log-level", "loud"), "invalid choice: 'loud'"),
        (("--trusted-proxies", "nonsense"), "does not appear to be an IPv4 or IPv6 network"),
        (("--pid-file", "/nowhere/x"), "Cannot write --pid-file /nowhere/x"),
        (("--api-ip", "198.51.100.1"), "Cannot listen on 198.51.100.1"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_code_1(
    arguments: tuple[str, ...], sentence: str
) -> None:
    place = ("--ip", "127.0.0.1", "--port", str(free_port()), "--api-port", str(free_port()))
    mine = () if "port" in arguments[0] or "--socket" in arguments else place
    said = refused(*mine, *arguments)
    assert said.returncode == 1
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr
    assert said.stderr.count("\n") <= 2


def test_the_api_is_on_the_next_port_of_this_machine_alone(tmp_path: Path) -> None:
    log, port, code = tmp_path / "log", 0, 1
    while code == 1:  # until two ports beside each other are free
        port = free_port()
        with log.open("wb") as to:
            process = subprocess.Popen([*COMMAND, "--port", str(port)], stderr=to)
        end = time.monotonic() + 40
        while "serving" not in log.read_text() and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        code = process.wait(40)
        assert code == 2 or "Another program listens" in log.read_text()
    assert f'serving at="*:{port}" api="localhost:{port + 1}"' in log.read_text()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_exits_with_2_and_takes_its_pid_file_along(
    tmp_path: Path, how: signal.Signals
) -> None:
    file = tmp_path / "pid"
    async with chp(tmp_path, "--pid-file", str(file)) as it:
        assert int(file.read_text()) == it.process.pid
        os.kill(it.process.pid, how)
        await it.process.wait()
        assert not file.exists()


async def test_what_is_logged_can_be_chosen(tmp_path: Path) -> None:
    async with chp(tmp_path, "--log-level", "info") as it:
        await it.add("/a", "http://a", secret="never logged")
        assert 'route-added path="/a" target="http://a"' in it.said()
        assert "never logged" not in it.said()
        assert TOKEN not in it.said()


def test_its_version_says_what_it_stands_for() -> None:
    for option in ("-V", "--version"):
        said = refused(option)
        assert said.returncode == 0
        assert "(configurable-http-proxy 5)" in said.stdout


def test_an_empty_token_is_no_token(tmp_path: Path) -> None:
    for token in (" ", ",", " , "):
        said = subprocess.run(
            [*COMMAND, "--port", str(free_port()), "--pid-file", str(tmp_path / "pid")],
            env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": token},
            check=False, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert (said.returncode, "there is no token in it" in said.stderr) == (1, True)


@pytest.mark.parametrize("everywhere", ["", "::"])
async def test_everywhere_is_everywhere(tmp_path: Path, everywhere: str) -> None:
    it = Chp(tmp_path)
    await it.start((f"--ip={everywhere}", f"--api-ip={everywhere}",
                    "--port", str(it.port), "--api-port", str(it.api_port)))  # fmt: skip
    assert await it.routes() == {}
    assert (await it.web.get("/x")).status_code == 404
    assert await it.end() == 2


async def test_while_it_ends_its_port_is_free_for_the_next(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - it says nothing
        asked.set()
        await reader.read()

    async with serving(silent) as port:
        it = Chp(tmp_path, "--drain", "10", "--pid-file", str(tmp_path / "pid"))
        await it.start()
        await it.add("/", port)
        waiting = asyncio.create_task(it.web.get("/x"))
        await asyncio.wait_for(asked.wait(), 20)
        it.process.send_signal(signal.SIGTERM)
        while "ending" not in it.said():
            await asyncio.sleep(0.01)
        (tmp_path / "log").unlink()
        another = Chp(tmp_path, "--pid-file", str(tmp_path / "pid"))
        another.port, another.api_port = it.port, it.api_port
        await another.start()
        assert it.process.returncode is None
        with pytest.raises(httpx.TransportError):
            await waiting
        await it.end()
        assert int((tmp_path / "pid").read_text()) == another.process.pid
        assert await another.end() == 2
