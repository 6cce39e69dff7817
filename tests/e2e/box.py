"""`perijove up` as a process, in a folder of its own, with a thirty-line server for everybody."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perijove.cli.hold import started
from tests.ports import free_port

SERVER = Path(__file__).with_name("server.py")
PATIENCE = 60.0


def until(done: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    return started(pid) is not None


class Up:
    """One data directory, and the `up` that runs on it, if any."""

    python = sys.executable
    """Which Perijove it is of."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.public = free_port()
        self.file = folder / "config.yaml"
        command = [sys.executable, "-I", "-S", str(SERVER), f"{folder}/starts"]
        tree = {
            "proxy": {"port": self.public},
            "singleuser": {"cmd": command},
            "place": {"firstPort": random.randrange(20000, 26900), "ports": 100},
            **settings,
        }
        self.file.write_text(json.dumps(tree))  # JSON is YAML
        self.process: subprocess.Popen[bytes] | None = None
        self.told: dict[str, Any] = {}

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def command(self, *more: str) -> list[str]:
        where = ["-f", str(self.file), "--data", str(self.data)]
        return [self.python, "-m", "perijove", "up", *where, "-o", "json", *more]

    def begin(self, *more: str, wrapped: Callable[[list[str]], list[str]] = list) -> None:
        """Start it; do not wait."""
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                wrapped(self.command(*more)), stdout=out, stderr=err, cwd=self.folder
            )

    def start(self, *more: str) -> dict[str, Any]:
        """Start it; return what it tells once healthy."""
        self.begin(*more)
        assert self.process is not None
        until(lambda: "\n" in self.out or self.process.poll() is not None, "a line")  # type: ignore[union-attr]
        assert self.process.poll() is None, self.err
        self.told = json.loads(self.out)
        return self.told

    def wait(self, patience: float = PATIENCE) -> int:
        """Return the exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout=patience)

    def stop(self, order: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(order)
        return self.wait()

    def kill(self, *parts: str) -> None:
        """Kill -9 the supervisor ("up"), "hub", "proxy"."""
        assert self.process is not None
        pids = {"up": self.process.pid, **self.told["pids"]}
        for part in parts:
            os.kill(pids[part], signal.SIGKILL)
        if "up" in parts:
            self.process.wait()
        for part in parts:
            until(lambda part=part: not alive(pids[part]), f"{part} is dead")  # type: ignore[misc]

    def pid(self, part: str) -> int:
        """Return who holds the lock of a part now."""
        return int((self.data / "run" / f"{part}.lock").read_text().split()[0])

    def hub(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the REST API through the proxy, as the box's own administrator."""
        token = (self.data / "secrets" / "cli-token").read_text().strip()
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        text = json.dumps(body).encode() if body is not None else None
        status, answer = self.ask(method, f"/hub/api{path}", headers, text)
        return status, json.loads(answer) if answer else None

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[int, bytes]:
        """Return status and body; 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.public, timeout=30)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request(method, path, body, headers or {})
            with connection.getresponse() as answer:
                return answer.status, answer.read()
        return 0, b""

    def server(self, user: str) -> int:
        """Start the server of a new person; return its process."""
        status, _ = self.hub("POST", f"/users/{user}")
        assert status in {201, 409}
        status, answer = self.hub("POST", f"/users/{user}/server")
        assert status in {201, 202}, answer
        until(lambda: self.ready(user), f"{user}'s server is ready")
        assert self.ask("POST", f"/user/{user}/api")[0] == HTTPStatus.OK, "ready is reached"
        return self.server_pids(user)[-1]

    def ready(self, user: str) -> bool:
        _, shown = self.hub("GET", f"/users/{user}")
        return bool(((shown or {}).get("servers") or {}).get("", {}).get("ready"))

    def server_pids(self, user: str) -> list[int]:
        """Return every process that was ever started for `user`, oldest first."""
        lines = (self.folder / "starts").read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.split()[0] == f"/user/{user}/"]

    def end(self) -> None:
        """End whatever a failed test has left."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        pids = [*self.data.glob("run/*.lock"), *self.data.glob("workloads/*/pid")]
        for file in pids:
            pid, ticks, *_ = [*file.read_text().split(), "", ""]
            if ticks and started(int(pid)) == ticks:
                os.kill(int(pid), signal.SIGQUIT if file.name == "pid" else signal.SIGKILL)


def port_of(url: str) -> int:
    return urlsplit(url).port or 80
