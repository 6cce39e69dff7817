"""`singleuser` and `scheduling`: what a pod is; on one machine these keys do nothing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from perijove.kit.section import Section

Listed = tuple[Any, ...] | dict[str, Any]
"""A list, or a mapping whose values are taken in the order of its keys."""
_DEDICATED = ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")


class ImageSettings(Section):
    """`singleuser.image`."""

    name: str = "perijove-singleuser"
    """The image of people's servers."""
    tag: str = "dev"
    """Its tag; quote it, for 1.10 is a number otherwise."""
    pull_policy: str | None = None
    """Always, IfNotPresent or Never; unset: Always for the tag latest, else IfNotPresent."""
    pull_secrets: tuple[str | dict[str, Any], ...] = ()
    """Names of secrets with which it is fetched."""

    @property
    def reference(self) -> str:
        """Return it as a container runtime takes it."""
        return f"{self.name}:{self.tag}" if self.tag else self.name


class CpuSettings(Section):
    """`singleuser.cpu`."""

    limit: float | None = Field(default=None, ge=0)
    """Cores that a server may use at most."""
    guarantee: float | None = Field(default=None, ge=0)
    """Cores that are kept for it."""


class MemorySettings(Section):
    """`singleuser.memory`."""

    limit: str | float | None = None
    """What a server may use at most, 512M or 4G; beyond it is ended."""
    guarantee: str | float | None = "1G"
    """What is kept for it."""


class PidsSettings(Section):
    """`singleuser.pids`."""

    limit: int | None = Field(default=4096, ge=1)
    """Processes, with their threads, that a server may have at once; null: any number. In a
    cluster the kubelet limits them (`podPidsLimit`)."""


class DynamicSettings(Section):
    """`singleuser.storage.dynamic`: a volume of its own for each server."""

    pvc_name_template: str | None = None
    """What its claim is called; unset: claim-{user_server}."""
    storage_class: str | None = None
    """The class of new volumes; unset: the default one of the cluster."""
    storage_access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    """How it may be mounted."""
    sub_path: str | None = None
    """The folder in it that is mounted."""
    volume_name_template: str | None = "volume-{user_server}"
    """What the pod calls it."""


class StaticSettings(Section):
    """`singleuser.storage.static`: one volume for everybody."""

    pvc_name: str | None = None
    """Its claim, which exists already."""
    sub_path: str | None = "{username}"
    """The folder of each in it."""


class StorageType(StrEnum):
    """Where people's files are."""

    DYNAMIC = "dynamic"
    STATIC = "static"
    NONE = "none"


class StorageSettings(Section):
    """`singleuser.storage`: where people's files are."""

    type: StorageType = StorageType.DYNAMIC
    """dynamic, static or none: files end with the server."""
    capacity: str | None = "10Gi"
    """The size of a new volume."""
    home_mount_path: str = "/home/jovyan"
    """Where a server finds it."""
    dynamic: DynamicSettings = DynamicSettings()
    static: StaticSettings = StaticSettings()
    extra_labels: dict[str, str] = Field(default={})
    """More labels of new claims."""
    extra_volumes: Listed | None = None
    """More volumes of the pod, as Kubernetes writes them."""
    extra_volume_mounts: Listed | None = None
    """Where they are mounted."""


class ResourceSettings(Section):
    """`singleuser.extraResource`."""

    limits: dict[str, Any] = Field(default={})
    """Such as nvidia.com/gpu: 1."""
    guarantees: dict[str, Any] = Field(default={})
    """The same, kept for it."""


class PodSettings(Section):
    """What of `singleuser` only a pod has."""

    image: ImageSettings = ImageSettings()
    cpu: CpuSettings = CpuSettings()
    memory: MemorySettings = MemorySettings()
    pids: PidsSettings = PidsSettings()
    storage: StorageSettings = StorageSettings()
    extra_resource: ResourceSettings = ResourceSettings()
    pod_name_template: str | None = None
    """What pods are called; unset: jupyter-{user_server}."""
    uid: int | None = Field(default=1000, ge=0)
    """The user id in it; null: that of the image."""
    fs_gid: int | None = Field(default=100, ge=0)
    """The group that its volumes are given to."""
    allow_privilege_escalation: bool | None = False
    """Whether sudo and the like may work in it."""
    service_account_name: str | None = None
    """The account of the cluster that it has; unset: none."""
    node_selector: dict[str, Any] = Field(default={})
    """Labels that its node must have."""
    extra_tolerations: Listed = ()
    """Taints that it tolerates."""
    extra_labels: dict[str, str] = Field(default={"hub.jupyter.org/network-access-hub": "true"})
    """More labels of pods."""
    extra_annotations: dict[str, str] = Field(default={})
    """More annotations of pods."""
    init_containers: Listed = ()
    """Containers that run before it."""
    extra_containers: Listed = ()
    """Containers that run beside it."""
    extra_pod_config: dict[str, Any] = Field(default={})
    """Fields of the pod's spec, as Kubernetes writes them."""
    lifecycle_hooks: dict[str, Any] = Field(default={})
    """postStart and preStop of its container."""


class Purpose(StrEnum):
    """What the label of a node means for servers."""

    IGNORE = "ignore"
    PREFER = "prefer"
    REQUIRE = "require"


class AffinitySettings(Section):
    """`scheduling.userPods.nodeAffinity`."""

    match_node_purpose: Purpose = Purpose.PREFER
    """ignore, prefer or require nodes labelled hub.jupyter.org/node-purpose=user."""


class UserPodsSettings(Section):
    """`scheduling.userPods`."""

    node_affinity: AffinitySettings = AffinitySettings()
    tolerations: tuple[dict[str, Any], ...] = tuple(
        {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
        for key in _DEDICATED
    )
    """Taints that all servers tolerate."""


class SchedulingSettings(Section):
    """`scheduling`."""

    user_pods: UserPodsSettings = UserPodsSettings()


def mapping(given: Listed | None, key: str) -> Mapping[str, Any]:
    """Return a list as a mapping, so that a profile can change one of its items."""
    if isinstance(given, Mapping):
        return given
    return {
        (str(it.get("name")) if key == "name" else f"{at}-{it.get('name')}"): it
        for at, it in enumerate(given or ())
        if isinstance(it, Mapping)
    }
