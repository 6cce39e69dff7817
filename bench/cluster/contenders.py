"""Both hubs on this machine, whose servers are played pods in a namespace of their own."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.kit.images import REFERENCE

from bench.hub.contender import Contender, JupyterHub

_NAME, _TAG = REFERENCE.tag.split(":")
HOST = "172.31.254.254"
"""This machine, as pods see it."""
VALUES: dict[str, Any] = {
    "hub": {"concurrentSpawnLimit": 0},
    "singleuser": {
        "cmd": "jupyterhub-singleuser",
        "image": {"name": "stub", "tag": "bench"},
        "nodeSelector": {"type": "kwok"},
        "extraTolerations": [{"key": "kwok", "operator": "Exists"}],
        "storage": {"type": "none"},
    },
}


REAL: dict[str, Any] = {
    "singleuser": {
        "cmd": "jupyterhub-singleuser",
        "image": {"name": _NAME, "tag": _TAG},
        "storage": {"capacity": "100Mi"},
    },
}
"""Pods that run, each with a new volume."""


@dataclass(slots=True, kw_only=True)
class Place:
    """A cluster, and the namespace of one contender."""

    kubeconfig: Path
    kubectl: Path
    namespace: str

    def run(self, *words: str, given: str | None = None) -> str:
        """Run kubectl in the namespace; return what it prints."""
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", "-n", self.namespace]
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, *words], input=given, capture_output=True, text=True, check=False
        )
        return done.stdout

    def empty(self) -> None:
        """Begin with an empty namespace."""
        self.run("delete", "namespace", self.namespace, "--ignore-not-found")
        self.run("create", "namespace", self.namespace)


@dataclass(slots=True, kw_only=True)
class Perijove(Contender):
    """Our hub and our proxy."""

    place: Place
    values: dict[str, Any] = field(default_factory=lambda: VALUES)
    agent = "perijove"

    @property
    def commands(self) -> list[list[str]]:
        """Return the hub and the proxy, as they are run."""
        data = str(self.folder)
        program = [sys.executable, "-P", "-m", "perijove"]
        hub = ["hub", "--spawner", "kubernetes", "--kubeconfig", str(self.place.kubeconfig)]
        hub += ["--namespace", self.place.namespace, "--data", data, "-f", f"{data}/values.yaml"]
        hub += ["--ip", "0.0.0.0", "--port", str(self.port)]  # noqa: S104 - pods call it
        hub += ["--connect-url", f"http://{HOST}:{self.port}"]
        proxy = ["proxy", "--ip", "127.0.0.1", "--port", str(self.public)]
        proxy += ["--hub", f"http://127.0.0.1:{self.port}", "--table", f"{data}/routes.json"]
        return [[*program, *hub], [*program, *proxy, "--token-file", f"{data}/secrets/proxy-token"]]

    @property
    def environment(self) -> dict[str, str]:
        """Return nothing."""
        return {}

    async def start(self) -> None:
        """Make its data directory, so that its proxy finds the secret."""
        from perijove.cli.box import Box  # noqa: PLC0415 - the other contender needs none of it

        box = Box(self.folder)
        await asyncio.to_thread(box.ready)
        (self.folder / "values.yaml").write_text(json.dumps(self.values))
        self.token = box.secret("cli-token")
        await Contender.start(self)

    async def routes(self) -> int:
        """Read the table that its proxy keeps."""
        try:
            text = await asyncio.to_thread((self.folder / "routes.json").read_text)
        except FileNotFoundError:
            return 0
        return sum(path.startswith("/user/") for path in json.loads(text)["routes"])


@dataclass(slots=True, kw_only=True)
class ZeroToJupyterHub(JupyterHub):
    """JupyterHub 5.5.0 with KubeSpawner 7.1.0 and configurable-http-proxy."""

    place: Place
    python: Path
    real: bool = False
    agent = "OpenAPI-Generator"

    @property
    def commands(self) -> list[list[str]]:
        """Return its own command."""
        config = str(Path(__file__).with_name("jupyterhub_config.py"))
        return [[str(self.python), "-m", "jupyterhub", "-f", config]]

    @property
    def environment(self) -> dict[str, str]:
        """Return what its configuration reads."""
        told = JupyterHub.environment.__get__(self)
        return {
            **told,
            "KUBECONFIG": str(self.place.kubeconfig),
            "BENCH_NAMESPACE": self.place.namespace,
            "BENCH_HOST": HOST,
            "BENCH_REAL": REFERENCE.tag if self.real else "",
        }


Contestant = Perijove | ZeroToJupyterHub
