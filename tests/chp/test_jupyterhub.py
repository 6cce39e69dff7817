"""A real JupyterHub 6.1.1 with `ConfigurableHTTPProxy.command = ["perijove-proxy"]`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.ports import free_port

TOKEN = "a" * 64
SECONDS = 90
OWN, FOREIGN, STALE = "/user/ada", "/elsewhere", "/user/gone"


class Hub:
    """The hub and what asks it, all through the proxy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.api_port = free_port(), free_port()
        self.log = folder / "log"
        self.web = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": f"token {TOKEN}"},
            timeout=30,
        )
        self.api = httpx.Client(
            base_url=f"http://127.0.0.1:{self.api_port}",
            headers={"authorization": f"token {TOKEN}"},
        )
        config = Path(__file__).with_name("jupyterhub_config.py")
        environment = {
            **os.environ,
            "TEST_PORT": str(self.port),
            "TEST_HUB_PORT": str(free_port()),
            "TEST_API_PORT": str(self.api_port),
            "TEST_TOKEN": TOKEN,
            "CONFIGPROXY_AUTH_TOKEN": TOKEN,
            "PYTHONWARNINGS": "ignore",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(config)],
                cwd=folder, env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    def until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + SECONDS
        while True:
            try:
                if done():
                    return
            except (httpx.TransportError, FileNotFoundError):
                pass  # the proxy, or the file with its process id, is not there just now
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < end, f"never: {what}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.2)

    def routes(self) -> set[str]:
        return set(self.api.get("/api/routes").json())

    def proxy(self) -> int:
        return int((self.folder / "jupyterhub-proxy.pid").read_text())

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self.web.close()
            self.api.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    it = Hub(tmp_path)
    try:
        yield it
    finally:
        it.end()


def status(hub: Hub, path: str) -> int:
    return hub.web.get(path).status_code


def test_a_jupyterhub_leads_people_to_their_servers_and_lives_through_a_killed_proxy(
    hub: Hub,
) -> None:
    hub.until(lambda: status(hub, "/hub/api/") == 200, "the hub answers through the proxy")
    assert hub.web.post("/hub/api/users/ada").status_code == 201
    assert hub.web.post("/hub/api/users/ada/server").status_code in {201, 202}
    hub.until(lambda: status(hub, "/user/ada/api/status") == 200, "the server answers")
    assert hub.web.get("/hub/api/users/ada").json()["server"] == "/user/ada/"
    route = hub.api.get(f"/api/routes{OWN}").json()
    assert (route["user"], route["server_name"], route["jupyterhub"]) == ("ada", "", True)

    kernel = hub.web.post("/user/ada/api/kernels", json={}).json()["id"]
    channels = f"ws://127.0.0.1:{hub.port}/user/ada/api/kernels/{kernel}/channels"
    with connect(channels, additional_headers={"authorization": f"token {TOKEN}"}) as one:
        assert one.protocol.close_code is None

    # what it believes of the routes it compares with ours
    target = {"target": "http://127.0.0.1:1"}
    hub.api.post(f"/api/routes{FOREIGN}", json=target)
    hub.api.post(f"/api/routes{STALE}", json={**target, "jupyterhub": True})
    assert hub.web.post("/hub/api/proxy").status_code == 200
    assert hub.routes() == {"/", OWN, FOREIGN}

    # a proxy that was killed is started again and told every route
    killed = hub.proxy()
    os.kill(killed, signal.SIGKILL)
    hub.until(lambda: hub.proxy() != killed and hub.routes() == {"/", OWN}, "it is told again")
    hub.until(lambda: status(hub, f"/user/ada/api/kernels/{kernel}") == 200, "the kernel is there")

    # pages for errors are the hub's, with the status that is ours
    hub.api.post(f"/api/routes{FOREIGN}", json=target)
    away = hub.web.get(f"{FOREIGN}/x", headers={"accept": "text/html"})
    assert away.status_code == 503
    assert "<title>JupyterHub</title>" in away.text

    assert hub.web.delete("/hub/api/users/ada/server").status_code in {202, 204}
    hub.until(lambda: OWN not in hub.routes(), "its route goes")
    assert status(hub, "/user/ada/api/status") == 302  # the hub's own answer


def test_it_ends_with_the_hub(hub: Hub) -> None:
    hub.until(lambda: status(hub, "/hub/api/") == 200, "the hub answers through the proxy")
    proxy = hub.proxy()
    hub.process.terminate()
    hub.process.wait(30)
    end = time.monotonic() + 10
    while Path(f"/proc/{proxy}").exists():
        assert time.monotonic() < end, "it outlives the hub"
        time.sleep(0.05)
