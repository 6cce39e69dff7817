"""configurable-http-proxy as our proxy, real and unmodified: hub.md 5 and 10, test 22."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.certificates import Files
from tests.clients.programs import chp
from tests.e2e.box import Up, alive, until
from tests.ports import free_port

CYCLE = 1.0
"""Seconds between two looks at all of its routes."""


class Box(Up):
    """A platform that people reach through a configurable-http-proxy."""

    def __init__(self, folder: Path, **traits: Any) -> None:
        super().__init__(folder)
        self.api = free_port()
        tree = json.loads(self.file.read_text())
        tree["proxy"]["kind"] = "chp"
        tree["hub"] = {
            "config": {
                "JupyterHub": {
                    "authenticator_class": "dummy",
                    "last_activity_interval": CYCLE,
                    "proxy_check_interval": 0.2,
                },
                "Authenticator": {"allow_all": True},
                "ConfigurableHTTPProxy": {
                    "command": chp(),
                    "api_url": f"http://127.0.0.1:{self.api}",
                    "auth_token": "of-the-proxy",
                    **traits,
                },
            }
        }
        self.file.write_text(json.dumps(tree))

    def proxy(self, method: str = "GET", key: str = "", body: Any = None) -> httpx.Response:
        """Speak to the proxy as a hub does; the table when no key is given."""
        headers = {"Authorization": "token of-the-proxy"}
        url = f"http://127.0.0.1:{self.api}/api/routes{quote(key)}"
        return httpx.request(method, url, json=body, headers=headers)

    def table(self) -> dict[str, Any]:
        table: dict[str, Any] = self.proxy().json()
        return table


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    it = Box(tmp_path_factory.mktemp("box"))
    try:
        it.start()
        it.server("ada")
        it.server("zo%C3%AB@x")
        yield it
        assert it.stop() == 0
        assert "Stopped." in it.err
    finally:
        it.end()


def test_the_proxy_has_what_a_hub_of_jupyterhub_would_have_told_it(box: Box) -> None:
    table = box.table()
    assert table.keys() == {"/", "/user/ada", "/user/zoë@x"}
    assert table["/"]["hub"] is True
    assert table["/"]["jupyterhub"] is True
    route = table["/user/zoë@x"]
    assert (route["user"], route["server_name"], route["jupyterhub"]) == ("zoë@x", "", True)
    assert box.ask("GET", "/user/ada/api")[0] == 200
    assert box.ask("GET", "/user/zo%C3%AB@x/api")[0] == 200


def test_what_is_not_there_shows_the_page_of_the_hub_with_the_status_of_the_proxy(
    box: Box,
) -> None:
    box.proxy("POST", "/nobody-here", {"target": f"http://127.0.0.1:{free_port()}"})
    try:
        answer = httpx.get(f"http://127.0.0.1:{box.public}/nobody-here/x")
        assert answer.status_code == 503
        assert "<html" in answer.text
        assert "Perijove" in answer.text
    finally:
        box.proxy("DELETE", "/nobody-here")


def test_a_server_that_stops_loses_its_route_at_once(box: Box) -> None:
    box.server("bob")
    assert "/user/bob" in box.table()
    assert box.hub("DELETE", "/users/bob/server")[0] in {202, 204}
    until(lambda: "/user/bob" not in box.table(), "the route is gone")


def test_a_table_that_is_wiped_is_restored_within_a_cycle(box: Box) -> None:
    for key in box.table():
        assert box.proxy("DELETE", key).status_code == 204
    until(lambda: box.table().keys() == {"/", "/user/ada", "/user/zoë@x"}, "all is restored")
    assert box.ask("GET", "/user/ada/api")[0] == 200


@pytest.mark.parametrize("spoilt", ["gone", "elsewhere", "unmarked"])
def test_a_route_that_is_wrong_is_mended(box: Box, spoilt: str) -> None:
    right = box.table()["/user/ada"]["target"]
    bodies = {
        "elsewhere": {"target": "http://127.0.0.1:9", "user": "ada", "jupyterhub": True},
        "unmarked": {"target": "http://127.0.0.1:9"},
    }
    if spoilt == "gone":
        box.proxy("DELETE", "/user/ada")
    else:
        assert box.proxy("POST", "/user/ada", bodies[spoilt]).status_code == 201

    def mended() -> bool:
        route = box.table().get("/user/ada", {})
        return route.get("target") == right and "jupyterhub" in route

    until(mended, "it is as it was", patience=CYCLE + 30)


def test_a_stale_route_goes_and_a_strangers_stays(box: Box) -> None:
    stale = {"target": "http://127.0.0.1:9", "user": "eve", "server_name": "", "jupyterhub": True}
    box.proxy("POST", "/user/eve", stale)
    box.proxy("POST", "/services/mine", {"target": "http://127.0.0.1:9", "note": "by hand"})
    try:
        until(lambda: "/user/eve" not in box.table(), "it is taken away", patience=CYCLE + 30)
        assert box.table()["/services/mine"]["note"] == "by hand"
    finally:
        box.proxy("DELETE", "/services/mine")


def test_the_proxy_counts_what_people_do_but_not_that_it_was_told_anew(box: Box) -> None:
    def used() -> str:
        status, shown = box.hub("GET", "/users/ada")
        assert status == 200
        return str(shown["servers"][""]["last_activity"])

    before = ""
    while before != (now := used()):  # what happened before is read
        before = now
        time.sleep(2 * CYCLE + 1)
    box.proxy("DELETE", "/user/ada")
    until(lambda: "/user/ada" in box.table(), "it is told again")
    born = box.table()["/user/ada"]["last_activity"]
    time.sleep(2 * CYCLE)
    assert used() == before < born, "nobody has used it"
    assert box.ask("GET", "/user/ada/api")[0] == 200
    until(lambda: used() > before, "what people do is read", patience=CYCLE + 40)


def test_a_proxy_that_is_killed_comes_back_and_is_told_all(box: Box) -> None:
    old = box.pid("proxy")
    os.kill(old, signal.SIGKILL)
    until(lambda: box.pid("proxy") != old and alive(box.pid("proxy")), "it runs again")
    until(lambda: box.ask("GET", "/user/ada/api")[0] == 200, "it leads to ada")
    assert box.table().keys() == {"/", "/user/ada", "/user/zoë@x"}


def test_the_hub_that_comes_back_finds_what_has_changed(box: Box) -> None:
    old = box.pid("hub")
    box.server("bob")
    os.kill(old, signal.SIGKILL)
    assert box.ask("GET", "/user/bob/api")[0] == 200, "the proxy goes on with what it has"
    os.kill(box.server_pids("bob")[-1], signal.SIGKILL)
    until(lambda: box.pid("hub") != old and alive(box.pid("hub")), "it runs again")
    until(lambda: "/user/bob" not in box.table(), "his route is gone")
    assert box.ask("GET", "/user/ada/api")[0] == 200


def test_a_proxy_that_hangs_keeps_nobody_from_starting_and_is_told_when_it_goes_on(
    box: Box,
) -> None:
    port = json.loads((box.data / "ports.json").read_text())["hub"]
    token = (box.data / "secrets" / "cli-token").read_text().strip()
    hub = httpx.Client(
        base_url=f"http://127.0.0.1:{port}/hub/api", headers={"Authorization": f"token {token}"}
    )
    os.kill(box.pid("proxy"), signal.SIGSTOP)
    try:
        hub.post("/users/cleo")
        assert hub.post("/users/cleo/server").status_code in {201, 202}
        until(lambda: hub.get("/users/cleo").json()["servers"][""]["ready"], "it runs")
    finally:
        os.kill(box.pid("proxy"), signal.SIGCONT)
        hub.close()
    until(lambda: box.ask("GET", "/user/cleo/api")[0] == 200, "she is led to it")


def test_a_reload_does_not_end_a_proxy_that_knows_no_reload(box: Box) -> None:
    pid = box.pid("proxy")
    assert box.process is not None
    box.process.send_signal(signal.SIGHUP)
    until(lambda: "reads the configuration again" in box.err, "the reload")
    time.sleep(0.3)
    assert alive(pid)
    assert box.pid("proxy") == pid


def test_perijove_reload_does_not_end_a_proxy_with_a_certificate(tmp_path: Path) -> None:
    """Ours reads its certificate again at a SIGHUP; this one would end of it."""
    it = Box(tmp_path)
    key, cert = Files(tmp_path).signed("lab.example.test")
    tree = json.loads(it.file.read_text())
    https = {"enabled": True, "type": "manual", "manual": {"key": key, "cert": cert}}
    tree["proxy"]["https"] = https
    it.file.write_text(json.dumps(tree))
    reload = [sys.executable, "-m", "perijove", "reload", "--data", str(it.data)]
    try:
        assert it.start()["url"].startswith("https://")
        pid = it.pid("proxy")
        done = subprocess.run(reload, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "Nothing has changed" in done.stdout
        time.sleep(1)
        assert alive(pid)
        assert it.pid("proxy") == pid
        public = f"https://127.0.0.1:{it.public}/hub/health"
        assert httpx.get(public, verify=False).status_code == 200
        assert it.stop() == 0
    finally:
        it.end()


def test_a_secret_of_the_proxy_is_in_no_command_line(box: Box) -> None:
    for part in ("up", "hub", "proxy"):
        assert b"of-the-proxy" not in Path(f"/proc/{box.pid(part)}/cmdline").read_bytes()


def test_a_proxy_that_somebody_else_starts_is_told_and_stays(tmp_path: Path) -> None:
    it = Box(tmp_path, should_start=False)
    options = ("--ip=127.0.0.1", f"--port={it.public}", f"--api-port={it.api}")
    environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": "of-the-proxy"}
    with subprocess.Popen([*chp(), *options], env=environment) as proxy:
        try:
            told = it.start()
            assert told["pids"].keys() == {"hub"}
            until(lambda: it.ask("GET", "/hub/health")[0] == 200, "it leads to the hub")
            it.server("ada")
            assert it.stop() == 0
            assert proxy.poll() is None
        finally:
            it.end()
            proxy.terminate()


def test_a_proxy_that_is_not_installed_is_named(tmp_path: Path) -> None:
    it = Box(tmp_path, command="no-such-proxy")
    try:
        it.begin()
        assert it.wait() == 1
        assert "'no-such-proxy' cannot be started" in it.err
        assert "npm install -g configurable-http-proxy" in it.err
    finally:
        it.end()
