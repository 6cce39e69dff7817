"""Two hubs on one PostgreSQL, one configurable-http-proxy, one service: one hub is killed."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from perijove.model.shard import shard_of
from tests.clients.programs import chp
from tests.databases import SOME
from tests.e2e.box import until
from tests.ports import free_port
from tests.singleuser.browser import Browser
from tests.storm.three import Three

TOKEN = "of-the-proxy"
CYCLE = 1.0
HOLDER = "SELECT r.name FROM pj_shards h JOIN pj_replicas r ON r.id = h.replica WHERE h.id = :shard"
SERVICE = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
STATES = ("Running", "Not running", "Does not answer", "Not known at the moment")


class Hubs(Three):
    """Those, and the proxy that they tell."""

    def __init__(self, folder: Path, url: str) -> None:
        self.public, self.api = free_port(), free_port()
        traits = {"api_url": f"http://127.0.0.1:{self.api}", "auth_token": TOKEN}
        config = {
            "JupyterHub": {
                "authenticator_class": "dummy",
                "last_activity_interval": CYCLE,
                "proxy_check_interval": 0.2,
            },
            "Authenticator": {"allow_all": True, "admin_users": ["root"]},
            "ConfigurableHTTPProxy": {**traits, "should_start": False},
        }
        super().__init__(folder, url, 3, config=config, services={"sleeper": {"command": SERVICE}})
        file = folder / "storm.yaml"
        tree = json.loads(file.read_text())
        tree["proxy"] = {"kind": "chp", "port": self.public}
        file.write_text(json.dumps(tree))
        self.proxy = subprocess.Popen(
            [*chp(), "--ip=127.0.0.1", f"--port={self.public}", f"--api-port={self.api}"],
            env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": TOKEN},
        )

    def begin(self) -> None:
        """Start two, one after the other: a busy machine takes long for each."""
        for n in range(2):
            self.start(n)
            self.box.until(lambda n=n: self.at(n, self.box.answers), "the hub answers")  # type: ignore[misc]

    def call(self, method: str = "GET", key: str = "", body: Any = None) -> httpx.Response:
        url = f"http://127.0.0.1:{self.api}/api/routes{quote(key)}"
        headers = {"Authorization": f"token {TOKEN}"}
        return httpx.request(method, url, json=body, headers=headers)

    def table(self) -> set[str]:
        return set(self.call().json())

    def reach(self, path: str) -> int:
        """Return what the proxy answers."""
        return httpx.get(f"http://127.0.0.1:{self.public}{path}").status_code

    def holder(self, key: str) -> int | None:
        """Return which of the hubs has the shard of `key`."""
        rows = self.box.ask(HOLDER, shard=shard_of(key))
        ports = [int(str(name).rpartition(":")[2]) for (name,) in rows]
        return self.ports.index(ports[0]) if ports else None

    def run(self, n: int, user: str) -> None:
        """Start the server of `user`, at hub `n`."""
        self.at(n, lambda: True)
        assert self.box.status("POST", f"/{user}/server") in {201, 202}

        def ready() -> bool:
            servers = self.box.client.get(f"/{user}").json()["servers"]
            return bool(servers.get("", {}).get("ready"))

        until(ready, f"{user} runs")

    def pid(self, n: int) -> int:
        """Return the process of the service, by hub `n`; 0: it knows of none."""
        url = f"http://127.0.0.1:{self.ports[n]}/hub/api/services/sleeper"
        headers = {"authorization": self.box.client.headers["authorization"]}
        return int(httpx.get(url, headers=headers, timeout=30).json()["pid"])

    def kill(self, n: int) -> None:
        self.hubs[n].send_signal(signal.SIGKILL)
        self.hubs[n].wait()

    def end(self) -> None:
        self.proxy.kill()
        self.proxy.wait()
        super().end()


@pytest.fixture
def hubs(tmp_path: Path, emptied: str) -> Iterator[Hubs]:
    it = Hubs(tmp_path, emptied)
    try:
        it.begin()
        yield it
    finally:
        it.end()


@pytest.mark.parametrize("server_url", SOME, indirect=True)
def test_another_hub_tells_the_proxy_when_the_one_that_did_is_killed(hubs: Hubs) -> None:
    until(lambda: hubs.holder("proxy") is not None and hubs.table() == {"/"}, "one tells")
    teller = hubs.holder("proxy")
    assert teller is not None
    other = 1 - teller
    hubs.run(other, "u0")
    until(lambda: hubs.table() == {"/", "/user/u0"}, "what another hub starts is told")
    assert hubs.reach("/user/u0/api") == 200
    hubs.call("POST", "/by/hand", {"target": "http://127.0.0.1:9", "note": "mine"})
    hubs.kill(teller)
    stale = {"target": "http://127.0.0.1:9", "user": "eve", "server_name": "", "jupyterhub": True}
    hubs.call("POST", "/user/eve", stale)
    for key in ("/", "/user/u0"):
        assert hubs.call("DELETE", key).status_code == 204
    until(lambda: hubs.table() == {"/", "/user/u0", "/by/hand"}, "another hub has made it right")
    assert hubs.holder("proxy") == other
    assert hubs.call("GET", "/by/hand").json()["note"] == "mine"
    assert hubs.reach("/user/u0/api") == 200
    until(lambda: hubs.reach("/hub/health") == 200, "the proxy leads to a hub that lives")
    hubs.run(other, "u1")
    until(lambda: hubs.reach("/user/u1/api") == 200, "and to what is started now")
    hubs.start(teller)
    until(lambda: hubs.at(teller, hubs.box.answers), "it is back")
    assert hubs.table() == {"/", "/user/u0", "/user/u1", "/by/hand"}


def test_every_hub_knows_how_a_service_is_and_says_unknown_when_its_hub_was_killed(
    hubs: Hubs,
) -> None:
    until(lambda: len({hubs.pid(n) for n in range(2)} - {0}) == 1, "some hub knows its process")
    until(lambda: len({hubs.pid(n) for n in range(2)}) == 1, "every hub knows its process")
    before, holder = hubs.pid(0), hubs.holder("service/sleeper")
    assert holder is not None
    Path(f"/proc/{before}/cmdline").read_bytes()  # it is there
    left = 1 - holder
    browser = Browser(f"http://127.0.0.1:{hubs.ports[left]}")
    assert browser.sign_in("root").status_code == 302

    def shown() -> str:
        text = browser.go("/hub/services").text
        (state,) = re.findall("|".join(STATES), text)
        return str(state)

    assert shown() == "Running"
    hubs.kill(holder)
    seen: list[str] = []

    def again() -> bool:
        seen.append(shown())
        return hubs.pid(left) not in {0, before}

    until(again, "another hub runs it")
    until(lambda: shown() == "Running", "and says so")
    assert set(seen) <= {"Running", "Not known at the moment"}, "nobody has seen it stop"
    browser.client.close()
