"""Settings -> the traits that pods are made of, by the names of KubeSpawner (chart.md 3.4)."""

from collections.abc import Mapping
from typing import Any

from perijove.settings.pod_sections import Purpose, StorageSettings, StorageType, mapping
from perijove.settings.sections import Settings
from perijove.spawners.kubernetes.labels import COMMON

_PURPOSE = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
POD_NAME, CLAIM_NAME = "jupyter-{user_server}", "claim-{user_server}"


def traits(settings: Settings) -> dict[str, Any]:
    """Return what every server gets, before its profile."""
    pod = settings.singleuser
    return {
        "image": pod.image.reference,
        "image_pull_policy": pod.image.pull_policy or None,
        "image_pull_secrets": [*settings.image_pull_secrets, *pod.image.pull_secrets],
        "environment": pod.extra_env,
        "cpu_limit": pod.cpu.limit,
        "cpu_guarantee": pod.cpu.guarantee,
        "mem_limit": pod.memory.limit,
        "mem_guarantee": pod.memory.guarantee,
        "extra_resource_limits": pod.extra_resource.limits,
        "extra_resource_guarantees": pod.extra_resource.guarantees,
        "uid": pod.uid,
        "fs_gid": pod.fs_gid,
        "allow_privilege_escalation": pod.allow_privilege_escalation,
        "service_account": pod.service_account_name,
        "node_selector": pod.node_selector,
        "extra_labels": pod.extra_labels,
        "common_labels": {**COMMON, **_common(pod.extra_labels)},
        "extra_annotations": pod.extra_annotations,
        "init_containers": pod.init_containers,
        "extra_containers": pod.extra_containers,
        "extra_pod_config": pod.extra_pod_config,
        "lifecycle_hooks": pod.lifecycle_hooks,
        **_where(settings),
        **_storage(pod.storage),
    }


def _common(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of all objects that the chart has chosen (`nameOverride`)."""
    return {name: value for name, value in extra.items() if name in COMMON}


def templates(settings: Settings) -> tuple[str, str]:
    """Return what pods and claims are called."""
    pod = settings.singleuser
    return pod.pod_name_template or POD_NAME, pod.storage.dynamic.pvc_name_template or CLAIM_NAME


def _where(settings: Settings) -> dict[str, Any]:
    scheduling, extra = settings.scheduling.user_pods, settings.singleuser.extra_tolerations
    more = [extra[key] for key in sorted(extra)] if isinstance(extra, dict) else list(extra)
    made: dict[str, Any] = {"tolerations": [*scheduling.tolerations, *more]}
    match scheduling.node_affinity.match_node_purpose:
        case Purpose.PREFER:
            term = {"weight": 100, "preference": {"matchExpressions": [_PURPOSE]}}
            made["node_affinity_preferred"] = [term]
        case Purpose.REQUIRE:
            made["node_affinity_required"] = [{"matchExpressions": [_PURPOSE]}]
        case Purpose.IGNORE:
            pass
    return made


def _storage(storage: StorageSettings) -> dict[str, Any]:
    """Return the home, if there is one, and the volumes beside it; mappings, to be merged into."""
    volumes = dict(mapping(storage.extra_volumes, "name"))
    mounts = dict(mapping(storage.extra_volume_mounts, "place"))
    made: dict[str, Any] = {"storage_pvc_ensure": storage.type is StorageType.DYNAMIC}
    if storage.type is StorageType.NONE:
        return {**made, "volumes": volumes, "volume_mounts": mounts}
    name, claim, folder = "home", storage.static.pvc_name, storage.static.sub_path
    if storage.type is StorageType.DYNAMIC:
        dynamic = storage.dynamic
        name = dynamic.volume_name_template or "volume-{user_server}"
        claim, folder = "{pvc_name}", dynamic.sub_path
        made |= {
            "storage_class": dynamic.storage_class,
            "storage_access_modes": list(dynamic.storage_access_modes),
            "storage_capacity": storage.capacity,
            "storage_extra_labels": storage.extra_labels,
        }
    made["home_mount_path"] = storage.home_mount_path  # no trait of KubeSpawner: for rescue starts
    home = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    mount = {"name": name, "mountPath": storage.home_mount_path}
    if folder:
        mount["subPath"] = folder
    return {**made, "volumes": {name: home, **volumes}, "volume_mounts": {name: mount, **mounts}}
