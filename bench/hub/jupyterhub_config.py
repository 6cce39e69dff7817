"""JupyterHub 6.1.1 as the bench runs it: its defaults, a stub spawner, no limits on starts."""

import os
from typing import Any

from jupyterhub.spawner import Spawner  # type: ignore[import-untyped]

from bench.hub.door import service

_stub = int(os.environ["BENCH_STUB"])
_folder = os.environ["BENCH_FOLDER"]


class StubSpawner(Spawner):  # type: ignore[misc]
    """Has no processes: one stub answers for all."""

    up = False

    async def start(self) -> tuple[str, int]:
        """Be there."""
        self.up = True
        return "127.0.0.1", _stub

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - its signature
        """Be gone."""
        self.up = False

    def get_state(self) -> dict[str, Any]:
        """Return what a hub that is started again reads."""
        return {**super().get_state(), "up": self.up}

    def load_state(self, state: dict[str, Any]) -> None:
        """Be what it was."""
        super().load_state(state)
        self.up = state.get("up", False)

    async def poll(self) -> int | None:
        """Return None while it is there."""
        return None if self.up else 0


c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c.JupyterHub.spawner_class = StubSpawner
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['BENCH_PUBLIC']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{os.environ['BENCH_HUB']}"
c.ConfigurableHTTPProxy.command = os.environ["BENCH_CHP"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['BENCH_CHP_API']}"
c.ConfigurableHTTPProxy.auth_token = os.environ["BENCH_TOKEN"]
c.ConfigurableHTTPProxy.pid_file = f"{_folder}/proxy.pid"
c.JupyterHub.db_url = os.environ["BENCH_DATABASE"]
c.JupyterHub.cookie_secret_file = f"{_folder}/cookie"
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.log_level = "WARN"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}, service()]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "access:services!service=door"]},
    {
        "name": "bench",
        "services": ["bench"],
        "scopes": ["admin:users", "admin:servers", "tokens", "proxy"],
    },
]
