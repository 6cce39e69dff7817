"""A data directory, and the real hub that runs on it until it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, text

from perijove.store import once
from tests.ports import free_port

USERS = 20
SERVER = Path(__file__).with_name("server.py")


class Box:
    def __init__(
        self,
        folder: Path,
        users: int = USERS,
        *,
        warm_up: float = 0,
        hub_more: Any = None,
        **more: Any,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.users = [f"u{n}" for n in range(users)]
        self.port = free_port()
        self.database = f"{folder}/data/perijove.sqlite"
        command = [sys.executable, "-I", "-S", str(SERVER), f"{folder}/starts", str(warm_up)]
        tree = {
            "hub": {
                "port": self.port,
                "allowNamedServers": True,
                "concurrentSpawnLimit": 0,
                "config": {"JupyterHub": {"authenticator_class": "dummy"}},
                **(hub_more or {}),
            },
            "proxy": {"port": free_port()},
            "singleuser": {"cmd": command},
            **more,
        }
        (folder / "storm.yaml").write_text(json.dumps(tree))  # JSON is YAML
        self.hub_url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=f"{self.hub_url}/hub/api/users", timeout=30)

    @contextmanager
    def hub(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run a hub until the block ends, then kill -9 it."""
        files = ["-f", str(self.folder / "storm.yaml"), "--data", str(self.folder / "data")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.storm.hub", *files],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            self.until(self.answers, "the hub answers")
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def answers(self) -> bool:
        """Return whether the hub answers; make its users when it does for the first time."""
        secret = self.folder / "data" / "secrets" / "cli-token"
        if secret.exists() and "authorization" not in self.client.headers:
            self.client.headers["authorization"] = f"token {secret.read_text().strip()}"
        if self.status("GET", "/u0") == 404:
            self.client.post(
                f"http://127.0.0.1:{self.port}/hub/api/users",
                json={"usernames": self.users},
            )
        return self.status("GET", f"/{self.users[-1]}") == 200

    def status(self, method: str, path: str) -> int:
        """Return the status; 0 if there was no answer."""
        with suppress(httpx.TransportError):
            return self.client.request(method, path).status_code
        return 0

    def until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, f"never: {what}\n{(self.folder / 'log').read_text()}"
            time.sleep(0.05)

    def ready(self, path: str) -> bool:
        shown = self.client.get(path).json()
        assert shown.get("pending") or shown.get("ready"), self.why(path)
        return bool(shown.get("ready"))

    def why(self, path: str) -> str:
        """Return what the database says of a server that is not as it should be."""
        rows = self.ask(
            "SELECT s.name, l.incarnation, l.phase, l.reason, r.exit_code, r.log"
            " FROM pj_servers s JOIN pj_phase_log l ON l.server_id = s.id"
            " LEFT JOIN pj_remains r ON r.server_id = s.id WHERE s.client = :client ORDER BY l.id",
            client=f"jupyterhub-user-{'-'.join(path.split('/')[1::2])}",
        )
        told = "\n".join(map(str, rows))
        logs = [it.read_text() for it in self.folder.glob(f"data/workloads/*{path[-3:]}/log")]
        return f"{path}\n{told}\n{logs}"

    def stopped(self, path: str) -> bool:
        return self.status("DELETE", path) == 204

    def alive(self, *, launchers: bool = False) -> Counter[str]:
        """Return how many live server processes there are, by prefix."""
        found: Counter[str] = Counter()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().decode().split("\0")
                variables = (process / "environ").read_bytes().decode().split("\0")
                launcher = any(part.endswith("launcher.py") for part in command)
                if f"{self.folder}/starts" in command and launcher is launchers:
                    found[next(v for v in variables if "SERVICE_PREFIX" in v)] += 1
        return found

    def ask(self, sql: str, **given: object) -> list[tuple[Any, ...]]:
        """Ask the database."""

        def read(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(sql), given)]

        return once.reading(self.database, read)

    def incarnations(self) -> Counter[str]:
        """Return how often a server was to be started, by prefix; more than once if it moved."""
        rows = self.ask(
            "SELECT u.name, s.name FROM pj_phase_log l JOIN pj_servers s ON s.id = l.server_id"
            " JOIN pj_users u ON u.id = s.user_id WHERE l.phase = 'starting'"
        )
        return Counter(f"/user/{user}/{name}/" if name else f"/user/{user}/" for user, name in rows)

    def starts(self) -> Counter[str]:
        """Return how many server processes there ever were, by prefix."""
        lines = (self.folder / "starts").read_text().splitlines()
        return Counter(line.split()[0] for line in lines)

    def end(self) -> None:
        """End what a failed test has left."""
        self.client.close()
        for pid in self.folder.glob("data/workloads/*/pid"):
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
