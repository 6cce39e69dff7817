"""POST /shutdown ends a real `perijove hub`; its servers stay, unless they are to end as well."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.box import SERVER, alive, until
from tests.ports import free_port


class Hub:
    """One data directory, and the hub that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        command = [sys.executable, "-I", "-S", str(SERVER), f"{folder}/starts"]
        tree = {
            "hub": {"port": self.port},
            "proxy": {"port": free_port()},
            "singleuser": {"cmd": command},
            "place": {"firstPort": random.randrange(20000, 26900), "ports": 100},
        }
        (folder / "config.yaml").write_text(json.dumps(tree))  # JSON is YAML
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        where = ["-f", str(self.folder / "config.yaml"), "--data", str(self.folder / "data")]
        command = [sys.executable, "-m", "perijove", "hub", *where]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: self.ask("GET", "/health", token="") == 200, "the hub answers")

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> int:
        """Return the status; 0 where nobody answers."""
        self.told: Any = None
        secret = self.folder / "data" / "secrets" / "cli-token"
        token = secret.read_text().strip() if token is None else token
        headers = {"authorization": f"token {token}"} if token else {}
        with suppress(httpx.TransportError):
            answer = httpx.request(
                method, f"http://127.0.0.1:{self.port}/hub/api{path}", json=body, headers=headers,
                timeout=30,
            )  # fmt: skip
            self.told = answer.json() if answer.content else None
            return answer.status_code
        return 0

    def server(self) -> int:
        """Start ada's server; return its process."""
        assert self.ask("POST", "/users/ada") == 201
        assert self.ask("POST", "/users/ada/server") == 202
        until(lambda: self.ask("GET", "/users/ada/server") == 200 and self.told["ready"], "ready")
        return self.pids()[-1]

    def pids(self) -> list[int]:
        """Return every server process that was ever started."""
        return [int(it.split()[1]) for it in (self.folder / "starts").read_text().splitlines()]

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(30)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    it = Hub(tmp_path)
    it.start()
    yield it
    if it.process and it.process.poll() is None:
        it.process.terminate()
        it.process.wait(30)
    with suppress(OSError):
        for pid in it.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_the_hub_ends_and_servers_stay_for_the_next_one(hub: Hub) -> None:
    pid, started = hub.server(), hub.pids()
    assert hub.ask("POST", "/shutdown", {"servers": "yes"}) == 400
    assert hub.ask("POST", "/shutdown", token="nobody's") == 403
    assert hub.ask("POST", "/shutdown", {"servers": False}) == 202
    assert hub.told == {"message": "Shutting down Hub"}
    assert hub.ended() == 0
    assert hub.ask("GET", "/health", token="") == 0
    assert alive(pid)
    hub.start()
    end = time.monotonic() + 40
    while hub.ask("GET", "/users/ada/server") != 200 or not hub.told["ready"]:
        assert time.monotonic() < end  # it is given to proxies again first
        time.sleep(0.05)
    assert hub.pids() == started, "adopted, not started again"
    assert "Traceback" not in (hub.folder / "log").read_text()


def test_servers_end_with_the_hub_when_that_is_asked_for(hub: Hub) -> None:
    pid = hub.server()
    assert hub.ask("POST", "/shutdown", {"servers": True}) == 202
    assert hub.ended() == 0
    until(lambda: not alive(pid), "the server is gone")
