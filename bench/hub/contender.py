"""A contender: one hub with its proxy as processes, and how many servers its proxy knows."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.hub.client import Client
from perijove.cli.box import Box, Ports

_PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True, kw_only=True)
class Contender(ABC):
    """Runs in `folder`; `stub` is the port of the server that answers for all."""

    name: str
    folder: Path
    stub: int
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
        with (self.folder / "bench.log").open("ab") as log:
            for command in self.commands:
                self.processes.append(
                    subprocess.Popen(  # noqa: ASYNC220, S603 - our own commands
                        command,
                        env={**os.environ, **self.environment},
                        cwd=Path.cwd(),
                        stdout=log,
                        stderr=log,
                    )
                )
        client = self.client()
        async with asyncio.timeout(_PATIENCE):
            while (await client.ask("GET", "/hub/health"))[0] != 200:  # noqa: PLR2004 - healthy
                if self.processes[0].poll() is not None:
                    raise RuntimeError((self.folder / "bench.log").read_text()[-2000:])
                await asyncio.sleep(0.1)
            await asyncio.sleep(2)  # what it still does after it has begun to answer
        client.close()

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
        ours = [sys.executable, "-m", "bench.hub.ours", str(self.folder), str(self.stub)]
        proxy = [sys.executable, "-m", "perijove", "proxy", "--data", str(self.folder)]
        return [ours, proxy]

    @property
    def environment(self) -> dict[str, str]:
        """Return what differs from the defaults, as it does in JupyterHub's configuration."""
        return {"PERIJOVE__HUB__CONCURRENTSPAWNLIMIT": "0"}

    async def start(self) -> None:
        """Make its data directory first."""
        box = Box(self.folder)
        await asyncio.to_thread(box.ready)
        await asyncio.to_thread(box.keep, Ports(public=self.public, hub=self.port))
        self.token = await asyncio.to_thread(box.secret, "cli-token")
        await Contender.start(self)

    async def routes(self) -> int:
        """Read the table that its proxy keeps."""
        try:
            text = await asyncio.to_thread(Box(self.folder).routes.read_text)
        except FileNotFoundError:
            return 0
        return sum(path.startswith("/user/") for path in json.loads(text)["routes"])
