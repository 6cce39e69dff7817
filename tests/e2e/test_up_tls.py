"""`perijove up` with a certificate: everything that people and commands need, by https."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.certificates import Files
from tests.e2e.box import Up, until
from tests.e2e.chromium import chromium
from tests.ports import free_port

NAME = "lab.example.test"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    it = Up(tmp_path)
    yield it
    it.end()


def certified(up: Up, **https: Any) -> None:
    """Write `proxy.https` into the configuration."""
    tree = json.loads(up.file.read_text())
    tree["proxy"]["https"] = {"enabled": True, "type": "manual", **https}
    up.file.write_text(json.dumps(tree))


def perijove(up: Up, *given: str, rc: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "perijove", *given, "--data", str(up.data)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == rc, (done.stdout, done.stderr)
    return done.stdout


def serial(up: Up, trusted: ssl.SSLContext) -> str:
    plain = socket.create_connection(("127.0.0.1", up.public))
    with trusted.wrap_socket(plain, server_hostname=NAME) as line:
        found: dict[str, Any] = line.getpeercert()  # type: ignore[assignment]
    return str(found["serialNumber"])


def test_people_come_by_https_and_their_cookies_never_travel_without_it(
    up: Up, files: Files
) -> None:
    key, cert = files.signed(NAME)
    plain = free_port()
    certified(up, manual={"key": key, "cert": cert}, hosts=[NAME], redirectPort=plain)
    told = up.start()
    assert told["url"] == f"https://{NAME}:{up.public}/"
    assert told["sign_in"].startswith(told["url"])
    here = f"https://localhost:{up.public}"
    link = told["sign_in"].replace(f"https://{NAME}:{up.public}", here)
    with httpx.Client(verify=files.trusting()) as browser:
        page = browser.get(link)
        assert page.status_code == 200
        assert page.headers["strict-transport-security"] == "max-age=15724800"
        given = {name: browser.cookies[name] for name in browser.cookies}
        assert given
        posted = browser.post(
            f"{here}/hub/first",
            data={**hidden(page.text), "password": "correct horse battery"},
            headers={"origin": here, "referer": link},
        )
        assert posted.status_code == 303, posted.text
        for answer in (page, posted):
            for cookie in answer.headers.get_list("set-cookie"):
                assert "; secure" in cookie.lower(), cookie
        assert any("jupyterhub-session-id" in it or "hub-login" in it
                   for it in posted.headers.get_list("set-cookie"))  # fmt: skip
        assert posted.headers["location"] == "/hub/home"
        assert browser.get(f"{here}/hub/home").status_code == 200
    check_the_port_without_it(plain, here)
    check_the_commands(up)
    assert up.stop() == 0


def check_the_port_without_it(plain: int, here: str) -> None:
    led = httpx.get(f"http://127.0.0.1:{plain}/hub/home", headers={"host": "localhost"})
    assert led.headers["location"] == f"{here}/hub/home"
    assert httpx.get(f"http://127.0.0.1:{plain}/_perijove/health").status_code == 200


def check_the_commands(up: Up) -> None:
    status = json.loads(perijove(up, "status", "-o", "json"))
    assert status["well"]
    assert status["url"] == f"https://127.0.0.1:{up.public}/"
    found = perijove(up, "doctor", "--no-start", "-o", "json")
    good = {it["check"] for it in json.loads(found)["findings"] if it["health"] == "good"}
    assert {"ports", "websocket"} <= good, found


def hidden(page: str) -> dict[str, str]:
    """Return what a form sends by itself."""
    found = re.findall(r"<input[^>]*type=\"?hidden[^>]*>", page)
    pairs = [(re.search(r'name="?([^"\s>]+)', it), re.search(r'value="?([^"\s>]*)', it))
             for it in found]  # fmt: skip
    return {name[1]: value[1] if value else "" for name, value in pairs if name}


def renewed(up: Up, files: Files, before: str) -> bool:
    return serial(up, files.trusting()) != before


def test_a_new_certificate_needs_no_restart(up: Up, files: Files) -> None:
    key, cert = files.signed(NAME)
    certified(up, manual={"key": key, "cert": cert})
    told = up.start()
    assert told["url"] == f"https://127.0.0.1:{up.public}/"
    assert up.process is not None
    for command in (False, True):
        before = serial(up, files.trusting())
        files.signed(NAME)
        if command:
            perijove(up, "reload")
        else:
            os.kill(up.process.pid, signal.SIGHUP)
        until(partial(renewed, up, files, before), "the new one", 10)
    assert up.pid("proxy") == told["pids"]["proxy"]
    page = httpx.get(told["url"], verify=files.trusting(), follow_redirects=True)
    assert "strict-transport-security" not in page.headers, "no name, no promise"
    assert up.stop() == 0


def test_certificate_and_key_may_stand_in_the_configuration(up: Up, files: Files) -> None:
    key, cert = (Path(it).read_text() for it in files.signed(NAME))
    certified(up, manual={"key": key, "cert": cert}, hosts=[NAME], hsts=0)
    up.start()
    page = httpx.get(f"https://localhost:{up.public}/hub/login", verify=files.trusting())
    assert "strict-transport-security" not in page.headers
    assert key not in Path(f"/proc/{up.told['pids']['proxy']}/cmdline").read_text()
    assert (up.data / "secrets" / "https.key").stat().st_mode & 0o777 == 0o600
    assert up.stop() == 0


@pytest.mark.parametrize(
    ("https", "sentence"),
    [
        ({"manual": {"cert": "/nowhere", "key": "/nowhere"}}, "/nowhere: No such file"),
        ({"manual": {"cert": "/nowhere"}}, "type: manual needs manual.cert and manual.key"),
    ],
)
def test_what_is_no_certificate_is_refused_at_once(
    up: Up, https: dict[str, Any], sentence: str
) -> None:
    certified(up, **https)
    up.begin()
    assert up.wait(20) == 2
    assert sentence in up.err
    assert "Traceback" not in up.err


def test_a_kind_that_only_a_cluster_has_is_said_to_have_no_effect(up: Up) -> None:
    certified(up, type="letsencrypt", hosts=[NAME])
    told = up.start()
    assert told["url"].startswith("http://")
    assert "proxy.https.type: has no effect on one machine" in up.err
    assert up.stop() == 0


ECHO = """(url) => new Promise((done, failed) => {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = (event) => { done(event.data); socket.close(); };
  socket.onerror = () => failed(new Error("no WebSocket"));
})"""


def test_a_browser_reads_pages_by_http_2_and_talks_by_websockets_beside_it(
    up: Up, files: Files
) -> None:
    key, cert = files.signed(NAME)
    certified(up, manual={"key": key, "cert": cert}, http2=True)
    url = up.start()["url"]
    with chromium() as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        failed = list[str]()
        page.on("requestfailed", lambda request: failed.append(request.url))
        answer = page.goto(f"{url}hub/login")
        assert answer is not None
        assert answer.status == 200
        spoken = "() => performance.getEntries().map((it) => it.nextHopProtocol).filter(Boolean)"
        assert set(page.evaluate(spoken)) == {"h2"}
        echo = f"{url.replace('https', 'wss')}hub/api/echo"
        assert page.evaluate(ECHO, echo) == "hello"
        assert not failed
    said = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", str(files.ca), "-w", "%{http_version} %{http_code}",
         "-o", "/dev/null", f"https://localhost:{up.public}/hub/health"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert said.stdout == "2 200", said.stderr
    assert up.stop() == 0
