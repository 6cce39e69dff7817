"""LaunchSpec and traits -> the claim of a home. Pure; hub.md 7.6 and chart.md 2.6."""

from collections.abc import Mapping
from typing import Any

from perijove.model.workload import Origin
from perijove.spawners.kubernetes import labels
from perijove.spawners.kubernetes.names import Fields, expand

Traits = Mapping[str, Any]
"""Settings by the names of KubeSpawner's traits."""


def manifest(name: str, origin: Origin, traits: Traits, known: Fields) -> dict[str, Any]:
    """Return the claim called `name`.

    Raises:
        Refused: a template in the traits is no good.
    """
    extra = expand(traits.get("storage_extra_labels") or {}, known)
    notes = labels.annotations(origin, expand(traits.get("storage_extra_annotations") or {}, known))
    spec: dict[str, Any] = {
        "accessModes": list(traits.get("storage_access_modes") or ["ReadWriteOnce"]),
        "resources": {"requests": {"storage": traits.get("storage_capacity") or "10Gi"}},
    }
    storage_class = traits.get("storage_class")
    if storage_class is not None:
        notes["volume.beta.kubernetes.io/storage-class"] = storage_class
        spec["storageClassName"] = storage_class
    if traits.get("storage_selector"):
        spec["selector"] = expand(traits["storage_selector"], known)
    common = traits.get("common_labels") or labels.COMMON
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "labels": labels.of_claim(origin, extra, common),
            "annotations": notes,
        },
        "spec": spec,
    }
