"""Three hubs, each a process, on one data directory and one database."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.databases import settings
from tests.ports import free_port
from tests.storm.box import Box


class Three:
    """They answer at `ports`; the first `begin` makes the users u0, u1, …"""

    def __init__(self, folder: Path, url: str, users: int, **hub: Any) -> None:
        more = {"db": settings(url), **hub}
        self.box = Box(folder, users, warm_up=1.0, hub_more=more)
        self.box.database = url
        self.hubs = dict[int, subprocess.Popen[bytes]]()
        self.ports = [free_port() for _ in range(3)]

    def begin(self) -> None:
        """Start them, all at once: one migrates the empty database, the others wait for it."""
        for n in range(3):
            self.start(n)
        for n in range(3):
            self.box.until(lambda n=n: self.at(n, self.box.answers), "the hub answers")  # type: ignore[misc]

    def start(self, n: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        folder = self.box.folder
        with (folder / "log").open("ab") as log:
            self.hubs[n] = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.storm.hub", "-f", f"{folder}/storm.yaml",
                    "--data", f"{folder}/data", "--port", str(self.ports[n]),
                ],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    def at(self, n: int, done: Callable[[], bool]) -> bool:
        """Return what `done` says, asked of hub `n`."""
        self.box.port = self.ports[n]
        self.box.client.base_url = httpx.URL(f"http://127.0.0.1:{self.ports[n]}/hub/api/users")
        return done()

    def end(self) -> None:
        for hub in self.hubs.values():
            with suppress(ProcessLookupError):
                hub.send_signal(signal.SIGKILL)
            hub.wait()
        self.box.end()
