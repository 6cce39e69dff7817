"""A real JupyterHub whose proxy is ours; what differs from run to run is in the environment."""

import os
import sys
from pathlib import Path
from typing import Any

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub gives it
c.JupyterHub.ip = "127.0.0.1"
c.JupyterHub.port = int(os.environ["TEST_PORT"])
c.JupyterHub.hub_port = int(os.environ["TEST_HUB_PORT"])
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = [{"name": "test", "api_token": os.environ["TEST_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "test",
        "scopes": ["admin:users", "admin:servers", "proxy", "access:servers"],
        "services": ["test"],
    }
]
c.Authenticator.allow_all = True
c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
c.Spawner.args = ["--allow-root"]
c.ConfigurableHTTPProxy.command = [str(Path(sys.executable).with_name("perijove-proxy"))]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['TEST_API_PORT']}"
c.ConfigurableHTTPProxy.check_running_interval = 1
c.SimpleLocalProcessSpawner.home_dir_template = f"{Path.cwd()}/{{username}}"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # answer at once, as it does when busy
