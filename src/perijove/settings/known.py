"""Keys that published configurations hold and that do nothing here: the chart's, and traits."""

from functools import cache
from importlib.resources import files
from typing import Any

from perijove.settings.problem import Path

MISSPELT = {
    "cpu_gurantee": "cpu_guarantee",
    "mem_gurantee": "mem_guarantee",
    "memo_gurantee": "mem_guarantee",
}
"""In profiles; honoured with compat.honourMisspelt only."""

_GROUP_OVERRIDES = ("hub", "config", "Spawner", "group_overrides")
MOVED: dict[str, tuple[str, ...]] = {
    "hub.config.JupyterHub.base_url": ("hub", "baseUrl"),
    "hub.config.JupyterHub.allow_named_servers": ("hub", "allowNamedServers"),
    "hub.config.JupyterHub.named_server_limit_per_user": ("hub", "namedServerLimitPerUser"),
    "hub.config.JupyterHub.concurrent_spawn_limit": ("hub", "concurrentSpawnLimit"),
    "hub.config.JupyterHub.active_server_limit": ("hub", "activeServerLimit"),
    "hub.config.JupyterHub.redirect_to_server": ("hub", "redirectToServer"),
    "hub.config.JupyterHub.shutdown_on_logout": ("hub", "shutdownOnLogout"),
    "hub.config.JupyterHub.db_url": ("hub", "db", "url"),
    "hub.config.Spawner.cmd": ("singleuser", "cmd"),
    "hub.config.Spawner.default_url": ("singleuser", "defaultUrl"),
    "hub.config.Spawner.environment": ("singleuser", "extraEnv"),
    "hub.config.Spawner.start_timeout": ("singleuser", "startTimeout"),
    "hub.config.KubeSpawner.cmd": ("singleuser", "cmd"),
    "hub.config.KubeSpawner.default_url": ("singleuser", "defaultUrl"),
    "hub.config.KubeSpawner.environment": ("singleuser", "extraEnv"),
    "hub.config.KubeSpawner.start_timeout": ("singleuser", "startTimeout"),
    "hub.config.LocalProcessSpawner.group_overrides": _GROUP_OVERRIDES,
    "hub.config.KubeSpawner.group_overrides": _GROUP_OVERRIDES,
    "hub.config.KubeSpawner.profile_list": ("singleuser", "profileList"),
}
"""The same under another name; the trait wins, as it does in Zero-to-JupyterHub."""

REMOVED = {
    "auth": "Sign-in is set by `hub.config` since 2021: hub.config.JupyterHub.authenticator_class.",
    "proxy.networkPolicy": "It is called `proxy.chp.networkPolicy`.",
    "proxy.nginx": "There is no Nginx in it any more; see `ingress`.",
    "proxy.containerSecurityContext": "It is called `proxy.chp.containerSecurityContext`.",
    "proxy.https.letsencrypt.hosts": "The names belong one level up: `proxy.https.hosts`.",
    "hub.extraConfigMap": "Pass values to code with `custom`.",
    "hub.uid": "Write `hub.containerSecurityContext.runAsUser`.",
    "hub.fsGid": "Write `hub.podSecurityContext.fsGroup`.",
    "hub.imagePullSecret": "It is called `imagePullSecret`, at the top.",
    "cloudMetadata": "It is called `singleuser.cloudMetadata.blockWithIptables`.",
    "singleuser.cloudMetadata.enabled": "It is called `blockWithIptables` there.",
    "singleuser.extraVolumes": "It belongs into `singleuser.storage`.",
    "singleuser.extraVolumeMounts": "It belongs into `singleuser.storage`.",
    "rbac.enabled": "It is called `rbac.create`.",
    "httpRoute.gateway": "Write `httpRoute.parentRefs`, a list.",
    "cull.max_age": "It is called `cull.maxAge`.",
}  # fmt: skip
"""Keys that were something once, or stand in the wrong place."""

MISPLACED = {"singleuser.extraResourceLimits": ("singleuser", "extraResource", "limits")}
"""Keys of a published example that belong elsewhere: they are taken for those, with a notice."""

_CLUSTER = {
    "singleuser.extraResourceLimits": "object",
    "singleuser.imagePullSecret": "object",
}
"""Misplaced in a published example; the chart takes them with a notice."""

_OURS = {
    "hub.replicas": "integer",
    "proxy.trustedProxies": "array",
    "rbac.cluster": "boolean",
}
"""Of our chart alone: its templates read them."""

_KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


@cache
def chart() -> dict[str, str]:
    """Return the keys of values.yaml and their types."""
    lines = (files(__package__) / "chart.txt").read_text("utf-8").splitlines()
    return {
        **dict(line.split(" ", 1) for line in lines if not line.startswith("#")),
        **_CLUSTER,
        **_OURS,
    }


@cache
def sections() -> frozenset[str]:
    """Return the keys of values.yaml that hold others."""
    inner: set[str] = set()
    for key in chart():
        parts = key.split(".")
        inner |= {".".join(parts[:count]) for count in range(1, len(parts))}
    return frozenset(inner)


@cache
def traits() -> dict[str, frozenset[str]]:
    """Return the traits of each class, those of its parents included."""
    found: dict[str, frozenset[str]] = {}
    lines = (files(__package__) / "traits.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        head, _, own = line.partition(":")
        name, _, parent = head.strip(")").partition("(")
        found[name] = frozenset(own.split()) | found.get(parent, frozenset())
    return found


def fits(value: Any, kinds: str) -> bool:
    """Return whether the chart's schema would take `value`."""
    if kinds in {"any", "-"}:
        return True
    if kinds.startswith("="):
        return value in kinds[1:].split("|") or (value in (None, "") and "null" in kinds)
    return any(
        isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds.split("/")
    )


def below(path: Path) -> str:
    """Return a path without the places in lists, as the chart's keys are written."""
    return ".".join(str(part) for part in path)
