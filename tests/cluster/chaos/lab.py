"""A hub and a proxy beside a cluster, a fault between them, and what people ask of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from perijove.kit.tasks import in_background
from perijove.spawners.kubernetes.cluster import PODS, Cluster
from perijove.spawners.kubernetes.kubeconfig import Wanted, find
from tests.cluster.chaos.census import Census
from tests.cluster.chaos.process import Process
from tests.cluster.chaos.witness import now
from tests.cluster.kit.places import HOST
from tests.cluster.pods import STUB
from tests.kubernetes.fault_proxy import FaultProxy
from tests.ports import free_port

_CLOSING = 0.3
"""Seconds in which connections that were given up are closed."""
_SINGLEUSER: dict[str, Any] = {
    "image": {"name": STUB.partition(":")[0], "tag": "dev", "pullPolicy": "IfNotPresent"},
    "storage": {"type": "none"},
}


@dataclass
class Lab:
    """One hub, its pods, and the way to break what is between them."""

    hub: Process
    proxy: Process
    faults: FaultProxy
    cluster: Cluster
    """Past the faults."""
    census: Census
    client: httpx.AsyncClient
    hub_url: str
    proxy_url: str
    data: Path

    async def enter(self, *users: str) -> None:
        """Bring hub and proxy up, with these users."""
        await self.hub.start()
        await self.awake()
        answer = await self.client.post("/hub/api/users", json={"usernames": users})
        assert answer.status_code == 201, answer.text
        await self.proxy.start()

    def straight_to(self, kubeconfig: Path) -> None:
        """Let the hub ask the API server itself from its next life on."""
        self.hub.words[self.hub.words.index(str(self.faults.kubeconfig))] = str(kubeconfig)

    async def awake(self) -> None:
        """Wait until the hub answers, whatever it thinks of its cluster."""
        await self.until("the hub answers", self._answers)

    async def reborn(self) -> None:
        """Kill -9 the hub, and start it again."""
        await self.hub.kill()
        await self.hub.start()
        await self.awake()

    async def ask(self, method: str, user: str, **body: Any) -> int:
        """Ask for the server of `user` to start (POST) or to stop (DELETE); 0 is no answer."""
        try:
            answer = await self.client.request(method, f"/hub/api/users/{user}/server", **body)
        except httpx.TransportError:
            return 0
        return answer.status_code

    async def start(self, *users: str) -> None:
        """Ask for the server of each to start."""
        for user in users:
            assert await self.ask("POST", user) in {201, 202}, user

    async def server(self, user: str) -> dict[str, Any]:
        """Return what the hub says of the server of `user`; {} if it neither runs nor moves."""
        shown = (await self.client.get(f"/hub/api/users/{user}")).json()
        found: dict[str, Any] = shown["servers"].get("", {})
        return found

    async def ready(self, *users: str, seconds: float = 90) -> None:
        """Wait until the server of each is ready; one that has failed says why."""

        async def all_ready() -> bool:
            shown = [await self.server(user) for user in users]
            dead = [user for user, it in zip(users, shown, strict=True) if not it]
            assert not dead, f"lost: {dead}"
            return all(it["ready"] for it in shown)

        await self.until(f"{', '.join(users)} are ready", all_ready, seconds)

    async def stopped(self, *users: str, seconds: float = 90) -> None:
        """Wait until the server of each is gone."""

        async def all_gone() -> bool:
            return not any([await self.server(user) for user in users])

        await self.until(f"{', '.join(users)} have stopped", all_gone, seconds)

    async def until(
        self, what: str, true: Callable[[], Awaitable[bool]], seconds: float = 60
    ) -> None:
        """Wait; after `seconds` fail with the end of the hub's log."""
        end = now() + seconds
        while not await true():
            if now() > end:
                tail = self.hub.log.read_text().splitlines()[-60:]
                raise AssertionError(f"never: {what}\n" + "\n".join(tail))
            await asyncio.sleep(0.1)

    async def pods(self) -> dict[str, dict[str, Any]]:
        """Return the pods as they are, by name."""
        found, _ = await self.cluster.list(PODS)
        return {pod["metadata"]["name"]: pod for pod in found}

    async def _answers(self) -> bool:
        secret = self.data / "secrets" / "cli-token"
        if secret.exists():
            token = secret.read_text().strip()
            self.client.headers["authorization"] = f"token {token}"
        try:
            return (await self.client.get("/hub/api/info")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def lab(
    kubeconfig: Path, namespace: str, folder: Path, **singleuser: Any
) -> AsyncIterator[Lab]:
    """Yield one in `namespace`; `singleuser` is added to what every pod is made of."""
    wanted = Wanted(file=kubeconfig, namespace=namespace)
    access = await asyncio.to_thread(find, wanted, {})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, _CLOSING)
        faults = await stack.enter_async_context(FaultProxy.before(access, folder))
        cluster = await Cluster.connect(access)
        stack.push_async_callback(cluster.close)
        census = Census(cluster)
        await stack.enter_async_context(in_background(census.run()))
        it = _lab(faults, cluster, census, folder, _values(folder, singleuser))
        stack.push_async_callback(it.client.aclose)
        stack.push_async_callback(it.proxy.kill)
        stack.push_async_callback(it.hub.kill)
        yield it


def _lab(faults: FaultProxy, cluster: Cluster, census: Census, folder: Path, values: Path) -> Lab:
    port, public, data = free_port(), free_port(), folder / "data"
    hub_url = f"http://127.0.0.1:{port}"
    hub = ["hub", "--spawner", "kubernetes", "--kubeconfig", str(faults.kubeconfig)]
    hub += ["--namespace", cluster.namespace, "--data", str(data), "-f", str(values)]
    hub += ["--ip", "0.0.0.0", "--port", str(port)]
    hub += ["--connect-url", f"http://{HOST}:{port}"]
    proxy = ["proxy", "--ip", "127.0.0.1", "--port", str(public), "--hub", hub_url]
    proxy += ["--token-file", str(data / "secrets" / "proxy-token")]
    proxy += ["--table", str(folder / "table")]
    return Lab(
        hub=Process(hub, folder / "hub.log"),
        proxy=Process(proxy, folder / "proxy.log"),
        faults=faults,
        cluster=cluster,
        census=census,
        client=httpx.AsyncClient(base_url=hub_url, timeout=30),
        hub_url=hub_url,
        proxy_url=f"http://127.0.0.1:{public}",
        data=data,
    )


def _values(folder: Path, singleuser: dict[str, Any]) -> Path:
    tree = {
        "hub": {
            "concurrentSpawnLimit": 0,
            "config": {"JupyterHub": {"authenticator_class": "dummy"}},
        },
        "singleuser": _SINGLEUSER | singleuser,
    }
    path = folder / "values.yaml"
    path.write_text(json.dumps(tree))  # JSON is YAML
    return path
