"""JupyterHub 5.5.0 with KubeSpawner 7.1.0 as Zero-to-JupyterHub sets them, without its limits."""

import os
from typing import Any

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
_folder = os.environ["BENCH_FOLDER"]
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['BENCH_PUBLIC']}"
c.JupyterHub.hub_bind_url = f"http://0.0.0.0:{os.environ['BENCH_HUB']}"
c.JupyterHub.hub_connect_url = f"http://{os.environ['BENCH_HOST']}:{os.environ['BENCH_HUB']}"
c.ConfigurableHTTPProxy.command = os.environ["BENCH_CHP"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['BENCH_CHP_API']}"
c.ConfigurableHTTPProxy.auth_token = os.environ["BENCH_TOKEN"]
c.ConfigurableHTTPProxy.pid_file = f"{_folder}/proxy.pid"
c.JupyterHub.db_url = f"sqlite:///{_folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{_folder}/cookie"
c.JupyterHub.log_level = "WARN"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.last_activity_interval = 60
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.Spawner.start_timeout = 300
c.Spawner.consecutive_failure_limit = 0
c.KubeSpawner.namespace = os.environ["BENCH_NAMESPACE"]
c.KubeSpawner.image = "stub:bench"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.KubeSpawner.node_selector = {"type": "kwok"}
c.KubeSpawner.tolerations = [{"key": "kwok", "operator": "Exists"}]
c.KubeSpawner.uid = 1000
c.KubeSpawner.fs_gid = 100
c.KubeSpawner.mem_guarantee = "1G"
if os.environ["BENCH_REAL"]:
    c.KubeSpawner.image = os.environ["BENCH_REAL"]
    c.KubeSpawner.node_selector, c.KubeSpawner.tolerations = {}, []
    c.KubeSpawner.pvc_name_template = "claim-{user_server}"
    c.KubeSpawner.storage_pvc_ensure = True
    c.KubeSpawner.storage_capacity = "100Mi"
    _claim = {"claimName": "{pvc_name}"}
    c.KubeSpawner.volumes = [{"name": "home", "persistentVolumeClaim": _claim}]
    c.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": "/home/jovyan"}]
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "bench",
        "services": ["bench"],
        "scopes": ["admin:users", "admin:servers", "access:servers", "tokens", "proxy"],
    }
]
