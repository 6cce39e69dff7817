"""Which keys of a configuration only a cluster has: those of pods, and those of the chart."""

from collections.abc import Iterator, Mapping
from typing import Any

from perijove.settings.known import below, sections
from perijove.settings.pod_sections import PodSettings
from perijove.settings.problem import Path, dotted
from perijove.settings.walk import keys

_OTHERS = ("scheduling", "imagePullSecrets")
_OF_PROCESSES = frozenset({"cpu", "memory", "pids", "extraResource"})
"""Keys of pods that bind processes as well."""
_PIDS: Path = ("singleuser", "pids")
"""That binds nothing else: in a cluster the kubelet does."""
_OF_BOXES, _OF_A_MACHINE = ("gpus",), ("systemUsers",)
"""Sections, and keys, of one machine alone."""
_GPUS = "nvidia.com/"
"""Of extra resources, what a box has as well."""
_CHART = {
    "": "fullnameOverride nameOverride rbac",
    "hub": "annotations args command containerSecurityContext cookieSecret db.pvc"
    " deploymentStrategy extraContainers extraEnv extraPodSpec extraVolumeMounts extraVolumes image"
    " initContainers labels lifecycle livenessProbe networkPolicy nodeSelector pdb"
    " podSecurityContext readinessProbe replicas resources revisionHistoryLimit service"
    " serviceAccount tolerations",
    "hub.config": "ConfigurableHTTPProxy.auth_token JupyterHub.cookie_secret",
    "proxy": "chp secretToken service",
    "singleuser": "cloudMetadata networkPolicy",
    "scheduling": "corePods",
}
"""What the chart does by itself; tests/chart holds its values against this."""
_SERVED = {f"{above}.{key}".strip(".") for above, those in _CHART.items() for key in those.split()}


def of_the_chart(path: Path) -> bool:
    """Return whether the chart does something with a key, and nobody else."""
    return any(dotted(path[:count]) in _SERVED for count in range(1, len(path) + 1))


def of_pods_alone(path: Path) -> bool:
    """Return whether a key has an effect in a cluster alone."""
    section, *rest = path
    return section in _OTHERS or (
        section == "singleuser" and rest[:1][0] in keys(PodSettings).keys() - _OF_PROCESSES
    )


def where(path: Path) -> str:
    """Return in words where a key has an effect."""
    if path[0] in (*_OF_BOXES, *_OF_A_MACHINE) or path[:2] == _PIDS:
        return "on one machine alone"
    return "in a cluster alone" if of_pods_alone(path) else "everywhere"


def of_pods(known: Mapping[str, Any]) -> list[Path]:
    """Return the keys in `known` that have an effect in a cluster alone."""
    singleuser = known.get("singleuser")
    given = dict(singleuser) if isinstance(singleuser, Mapping) else {}
    found = [
        path
        for key in keys(PodSettings)
        if key in given and key not in _OF_PROCESSES
        for path in _leaves(("singleuser", key), given[key])
    ]
    for key in _OTHERS:
        if key in known:
            found += _leaves((key,), known[key])
    return [*found, *_resources(given.get("extraResource"))]


def of_boxes(known: Mapping[str, Any]) -> list[Path]:
    """Return the keys in `known` that have an effect on one machine alone."""
    inner: list[Path] = [
        (section, key) for section in _OF_BOXES for key in known.get(section) or {}
    ]
    pids = (known.get("singleuser") or {}).get("pids") or {}
    inner += _leaves(_PIDS, pids) if pids else ()
    return [*inner, *((key,) for key in _OF_A_MACHINE if known.get(key))]


def _resources(given: Any) -> Iterator[Path]:
    for part, names in given.items() if isinstance(given, Mapping) else ():
        for name in names if isinstance(names, Mapping) else ():
            if not str(name).startswith(_GPUS):
                yield ("singleuser", "extraResource", part, name)


def _leaves(path: Path, value: Any) -> Iterator[Path]:
    if isinstance(value, Mapping) and below(path) in sections():
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield path
