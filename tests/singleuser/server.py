"""A single-user server as a process: ours, or the unmodified one of JupyterHub 6.1.1."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.ports import free_port

COMMANDS: dict[str, list[str]] = {
    "ours": [sys.executable, "-m", "perijove.singleuser"],
    "6.1.1": [sys.executable, "-m", "jupyterhub.singleuser", "--allow-root"],
}
PATIENCE = 60.0


def until(done: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


class Server:
    """The server of `user`, with a home of its own below `folder`."""

    def __init__(self, folder: Path, hub_port: int, user: str = "ada", name: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.user = user
        self.name = name
        self.prefix = f"/user/{quote(user, safe='@~')}/" + (f"{name}/" if name else "")
        self.hub = f"http://127.0.0.1:{hub_port}/hub/api"
        self.token = "0123456789abcdef" * 2
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Return hub.md 1.2, and what a process needs."""
        client = f"jupyterhub-user-{quote(self.user, safe='')}" + (self.name and f"-{self.name}")
        mine = f'["access:servers!server={self.user}/{self.name}"]'
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "JUPYTERHUB_API_TOKEN": self.token,
            "JUPYTERHUB_CLIENT_ID": client,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{self.port}{self.prefix}",
            "JUPYTERHUB_SERVICE_PREFIX": self.prefix,
            "JUPYTERHUB_API_URL": self.hub,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_USER": self.user,
            "JUPYTERHUB_SERVER_NAME": self.name,
            "JUPYTERHUB_ACTIVITY_URL": f"{self.hub}/users/{quote(self.user, safe='@~')}/activity",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{self.prefix}oauth_callback",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": mine,
            "JUPYTERHUB_HOST": "",
        }

    def start(self, command: list[str], **more: str) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        here = Path(__file__).parents[2]
        environment = {**self.environment(), "PYTHONPATH": str(here / "src"), **more}
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{self.prefix}{path}", **options)  # type: ignore[arg-type]

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with suppress(httpx.TransportError):
            return self.get("api").status_code == 200
        return False

    def ready(self) -> "Server":
        until(self.answers, f"{self.prefix} answers")
        return self

    def stop(self) -> float:
        """Ask it to end; return the seconds it took."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        return time.monotonic() - begun

    def end(self) -> None:
        """End whatever a test has left, kernels too."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        for pid in self._strays():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _strays(self) -> list[int]:
        """Return what has its home here: terminals live in sessions of their own, busy ones on."""
        home, found = f"HOME={self.folder}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if home in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found
