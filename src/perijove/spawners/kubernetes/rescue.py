"""Traits of a rescue start: an empty home that lasts as long as its pod, the old one below it."""

from collections.abc import Mapping
from typing import Any

from perijove.model.workload import OLD_HOME
from perijove.spawners.kubernetes.camel import camels, in_order
from perijove.spawners.kubernetes.claim import Traits

_VOLUME = "rescue"


def rescued(traits: Traits) -> dict[str, Any]:
    """Return `traits` with what is mounted at the home one folder further down.

    A runtime mounts what is further up first, whatever the order here.
    """
    home = str(traits.get("home_mount_path") or "").rstrip("/")
    mounts = camels(in_order(traits.get("volume_mounts")))
    if not any(_is_at(it, home) for it in mounts):
        return dict(traits)  # there is no home to be saved from
    lower = [{**it, "mountPath": f"{home}/{OLD_HOME}"} if _is_at(it, home) else it for it in mounts]
    empty = {"name": _VOLUME, "emptyDir": {}}
    return {
        **traits,
        "volumes": [*in_order(traits.get("volumes")), empty],
        "volume_mounts": [{"name": _VOLUME, "mountPath": home}, *lower],
    }


def _is_at(mount: Mapping[str, Any], home: str) -> bool:
    return bool(home) and str(mount.get("mountPath", "")).rstrip("/") == home
