"""A contender: one hub with its proxy as processes, and how many servers its proxy knows."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.ports import free_port

from bench.hub.client import Client
from bench.hub.door import service
from perijove.cli.box import Box, Ports

_PATIENCE = 60.0


@dataclass(slots=True, kw_only=True)
class Contender(ABC):
    """Runs in `folder`; `stub` is the port of the server that answers for all.

    A start makes another process of the hub whatever has become of the one before.
    """

    rights: ClassVar[str] = "bench.hub.rights_ours"
    """The module that says what a check of rights costs."""
    name: str
    folder: Path
    stub: int
    database: str = ""
    """Its URL, of a PostgreSQL; empty: SQLite in its folder."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    public: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @property
    def hub(self) -> int:
        """Return the process of the hub."""
        return self.processes[0].pid

    @property
    @abstractmethod
    def commands(self) -> list[list[str]]:
        """Return what to run; the hub is the first."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Return what the processes are told."""

    @abstractmethod
    async def routes(self) -> int:
        """Return to how many servers its proxy leads."""

    def client(self) -> Client:
        """Return a client of the hub itself, as its administrator."""
        return Client(self.port, self.token)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes += [self._run(command) for command in self.commands]
        client = self.client()
        async with asyncio.timeout(_PATIENCE):
            while (await client.ask("GET", "/hub/health"))[0] != 200:  # noqa: PLR2004 - healthy
                if self.processes[0].poll() is not None:
                    raise RuntimeError((self.folder / "bench.log").read_text()[-2000:])
                await asyncio.sleep(0.1)
            await asyncio.sleep(2)  # what it still does after it has begun to answer
        client.close()

    def kill_hub(self) -> None:
        """Kill the hub alone."""
        self.processes[0].kill()
        self.processes[0].wait()

    def start_hub(self) -> None:
        """Start the hub alone again; do not wait."""
        self.processes[0] = self._run(self.commands[0])

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "bench.log").open("ab") as log:
            environment = {**os.environ, **self.environment}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)  # no installation compiles each time
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603

    def stop(self) -> None:
        """End it."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


@dataclass(slots=True, kw_only=True)
class JupyterHub(Contender):
    """JupyterHub 6.1.1 with configurable-http-proxy, which it starts itself."""

    chp: str
    api: int = field(default_factory=free_port)
    rights: ClassVar[str] = "bench.hub.rights_theirs"

    @property
    def commands(self) -> list[list[str]]:
        """Return its own command."""
        config = str(Path(__file__).with_name("jupyterhub_config.py"))
        return [[sys.executable, "-m", "jupyterhub", "-f", config]]

    @property
    def environment(self) -> dict[str, str]:
        """Return what its configuration reads."""
        return {
            "BENCH_STUB": str(self.stub),
            "BENCH_FOLDER": str(self.folder),
            "BENCH_PUBLIC": str(self.public),
            "BENCH_HUB": str(self.port),
            "BENCH_CHP": self.chp,
            "BENCH_CHP_API": str(self.api),
            "BENCH_TOKEN": self.token,
            "BENCH_DATABASE": self.database.replace("postgresql:", "postgresql+psycopg2:")
            or f"sqlite:///{self.folder}/jupyterhub.sqlite",
        }

    async def routes(self) -> int:
        """Ask its proxy."""
        client = Client(self.api, self.token)
        table = await client.json("GET", "/api/routes")
        client.close()
        return sum(path.startswith("/user/") for path in table)

    def stop(self) -> None:
        """End it; its proxy ends with it, or by its pid file."""
        Contender.stop(self)
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "proxy.pid").read_text()), 15)


@dataclass(slots=True, kw_only=True)
class Perijove(Contender):
    """Our hub with our proxy: bench.hub.ours differs from `perijove hub` in its spawner alone."""

    @property
    def commands(self) -> list[list[str]]:
        """Return the hub with the stub spawner, and the proxy as it always is."""
        here = str(self.folder)
        ours = [sys.executable, "-m", "bench.hub.ours", here, str(self._values), str(self.stub)]
        return [ours, [sys.executable, "-m", "perijove", "proxy", "--data", here]]

    @property
    def environment(self) -> dict[str, str]:
        """Return nothing: what differs from the defaults is in the values."""
        return {}

    @property
    def _values(self) -> Path:
        return self.folder / "bench.json"

    async def start(self) -> None:
        """Make its data directory and its values first."""
        box = Box(self.folder)
        await asyncio.to_thread(box.ready)
        await asyncio.to_thread(box.keep, Ports(public=self.public, hub=self.port))
        sign_in = {"JupyterHub": {"authenticator_class": "dummy"},
                   "Authenticator": {"allow_all": True}}  # fmt: skip
        door = service()
        hub: dict[str, Any] = {
            "concurrentSpawnLimit": 0,
            "config": sign_in,
            "services": {door["name"]: door},
            "loadRoles": {"user": {"scopes": ["self", f"access:services!service={door['name']}"]}},
        }
        if self.database:
            hub["db"] = {"type": "postgres", "url": self.database}
        await asyncio.to_thread(self._values.write_text, json.dumps({"hub": hub}))
        self.token = await asyncio.to_thread(box.secret, "cli-token")
        await Contender.start(self)

    async def routes(self) -> int:
        """Read the table that its proxy keeps."""
        try:
            text = await asyncio.to_thread(Box(self.folder).routes.read_text)
        except FileNotFoundError:
            return 0
        return sum(path.startswith("/user/") for path in json.loads(text)["routes"])
