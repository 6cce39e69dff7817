"""What is written on pods and claims: the labels of KubeSpawner, and where it comes from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from perijove.model.workload import Origin
from perijove.spawners.kubernetes.names import label

INSTANCE = "perijove.io/instance"
INCARNATION = "perijove.io/incarnation"
ORIGIN = "perijove.io/origin"
USER = "hub.jupyter.org/username"
SERVER = "hub.jupyter.org/servername"
COMPONENT = "singleuser-server"
STORAGE = "singleuser-storage"
_HUB_VERSION, _SPAWNER_VERSION = "6.1.1", "7.1.0"
"""What our pods can be taken for; tools read these."""
COMMON = {
    "app.kubernetes.io/name": "jupyterhub",
    "app.kubernetes.io/managed-by": "kubespawner",
    "app": "jupyterhub",
    "heritage": "jupyterhub",
}
_KNOWN = {each.name for each in fields(Origin)}


def of_pod(origin: Origin, extra: Mapping[str, str], common: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a pod; `common` win over `extra`, and ours over both."""
    ours = {SERVER: label(origin.server), INCARNATION: str(origin.incarnation)}
    return {**_labels(origin, extra, common, COMPONENT), **ours}


def of_claim(origin: Origin, extra: Mapping[str, str], common: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a claim."""
    return _labels(origin, extra, common, STORAGE)


def _labels(
    origin: Origin, extra: Mapping[str, str], common: Mapping[str, str], component: str
) -> dict[str, str]:
    return {
        USER: label(origin.user),
        **extra,
        **common,
        "app.kubernetes.io/component": COMPONENT,
        "component": component,
        INSTANCE: label(origin.instance),
    }


def annotations(origin: Origin, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations of both: names as they are, and the whole origin."""
    named = {USER: origin.user, **({SERVER: origin.server} if origin.server else {})}
    return {
        **named,
        "hub.jupyter.org/kubespawner-version": _SPAWNER_VERSION,
        "hub.jupyter.org/jupyterhub-version": _HUB_VERSION,
        **extra,
        ORIGIN: json.dumps(asdict(origin), ensure_ascii=False, separators=(",", ":")),
    }


def origin_of(thing: Mapping[str, Any]) -> Origin | None:
    """Return where a pod or a claim comes from; None: it does not say, so it is not ours."""
    text = thing.get("metadata", {}).get("annotations", {}).get(ORIGIN, "")
    try:
        told = json.loads(text)
        return Origin(**{key: value for key, value in told.items() if key in _KNOWN})
    except (ValueError, TypeError, AttributeError):
        return None
