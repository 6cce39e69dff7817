"""LaunchSpec and traits -> the pod of a server. Pure; field by field as KubeSpawner 7 (hub.md 7.6).

One difference is meant (docs/adr): restartPolicy is Never, for a container that is started again
hides why it ended.
"""

from collections.abc import Mapping
from typing import Any

from perijove.model.amounts import memory
from perijove.model.errors import Refused
from perijove.model.workload import LaunchSpec
from perijove.spawners.amounts import limits_told
from perijove.spawners.kubernetes import labels
from perijove.spawners.kubernetes.camel import camel, camels, in_order
from perijove.spawners.kubernetes.claim import Traits
from perijove.spawners.kubernetes.environment import variables
from perijove.spawners.kubernetes.names import Fields, expand

CONTAINER = "notebook"
PORT = 8888
Manifest = dict[str, Any]


def manifest(spec: LaunchSpec, traits: Traits, known: Fields) -> Manifest:
    """Return the pod of `spec`; `traits` are those of its profile already.

    Raises:
        Refused: there is no image, or a template or an amount in the traits is no good.
    """
    extra = expand(traits.get("extra_labels") or {}, known)
    notes = expand(traits.get("extra_annotations") or {}, known)
    common = traits.get("common_labels") or labels.COMMON
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": spec.name,
            "labels": labels.of_pod(spec.origin, extra, common),
            "annotations": labels.annotations(spec.origin, notes),
        },
        "spec": _pod(spec, traits, known),
    }


def _pod(spec: LaunchSpec, traits: Traits, known: Fields) -> Manifest:
    account = traits.get("service_account")
    mounted = traits.get("automount_service_account_token")
    pod: Manifest = {
        "restartPolicy": "Never",
        "securityContext": _of_pod(traits),
        "containers": [
            _notebook(spec, traits, known),
            *camels(expand(in_order(traits.get("extra_containers")), known)),
        ],
        "initContainers": camels(expand(in_order(traits.get("init_containers")), known)),
        "volumes": camels(expand(in_order(traits.get("volumes")), known)),
        "imagePullSecrets": [_reference(it) for it in traits.get("image_pull_secrets") or ()],
        "nodeSelector": dict(traits.get("node_selector") or {}),
        "tolerations": camels(traits.get("tolerations")),
        "affinity": _affinity(traits),
        "serviceAccountName": expand(account, known),
        "schedulerName": traits.get("scheduler_name"),
        "priorityClassName": traits.get("priority_class_name"),
    }
    pod = {key: value for key, value in pod.items() if value not in (None, {}, [])}
    if mounted is not None or account is None:
        # Nobody in a server is given the rights of an account that nobody chose.
        pod["automountServiceAccountToken"] = bool(mounted)
    return {**pod, **camel(expand(traits.get("extra_pod_config") or {}, known))}


def _notebook(spec: LaunchSpec, traits: Traits, known: Fields) -> Manifest:
    image = traits.get("image")
    if not image or not isinstance(image, str) or any(it.isspace() for it in image):
        raise Refused("image-name", image=str(image or "")[:200])
    made: Manifest = {
        "name": CONTAINER,
        "image": image,
        "args": [part.replace("{port}", str(PORT)) for part in spec.command],
        "workingDir": traits.get("working_dir"),
        "ports": [{"name": "notebook-port", "containerPort": PORT}],
        "env": variables(_environment(spec, traits, known)),
        "imagePullPolicy": traits.get("image_pull_policy"),
        "lifecycle": camel(traits.get("lifecycle_hooks") or {}),
        "resources": _resources(traits),
        "volumeMounts": camels(expand(in_order(traits.get("volume_mounts")), known)),
        "securityContext": _of_container(traits),
    }
    found = {key: value for key, value in made.items() if value not in (None, {}, [], "")}
    return {**found, **camel(traits.get("extra_container_config") or {})}


def _environment(spec: LaunchSpec, traits: Traits, known: Fields) -> dict[str, Any]:
    told = {
        "JUPYTER_IMAGE": traits.get("image"),
        "JUPYTER_IMAGE_SPEC": traits.get("image"),
    }
    return {
        **spec.environment,
        **limits_told(traits),
        **{name: str(value) for name, value in told.items() if value},
        **expand(traits.get("environment") or {}, known),
    }


def _resources(traits: Traits) -> Manifest:
    requests = {
        "cpu": traits.get("cpu_guarantee"),
        "memory": memory(traits.get("mem_guarantee")),
        **(traits.get("extra_resource_guarantees") or {}),
    }
    limits = {
        "cpu": traits.get("cpu_limit"),
        "memory": memory(traits.get("mem_limit")),
        **(traits.get("extra_resource_limits") or {}),
    }
    kinds = (("requests", requests), ("limits", limits))
    given = {kind: {name: it for name, it in of.items() if it} for kind, of in kinds}
    return {kind: of for kind, of in given.items() if of}


def _of_pod(traits: Traits) -> Manifest:
    made: Manifest = {}
    if traits.get("fs_gid") is not None:
        made["fsGroup"] = int(traits["fs_gid"])
    if traits.get("supplemental_gids"):
        made["supplementalGroups"] = [int(it) for it in traits["supplemental_gids"]]
    return {**made, **(traits.get("pod_security_context") or {})}


def _of_container(traits: Traits) -> Manifest:
    made: Manifest = {}
    if traits.get("uid") is not None:
        made["runAsUser"] = int(traits["uid"])
    if traits.get("gid") is not None:
        made["runAsGroup"] = int(traits["gid"])
    if traits.get("privileged"):
        made["privileged"] = True
    escalation = traits.get("allow_privilege_escalation", False)
    if escalation is not None:
        made["allowPrivilegeEscalation"] = bool(escalation)
    return {**made, **(traits.get("container_security_context") or {})}


def _affinity(traits: Traits) -> Manifest:
    required, preferred = "requiredDuringScheduling", "preferredDuringScheduling"
    ignored = "IgnoredDuringExecution"
    node: Manifest = {}
    if traits.get("node_affinity_required"):
        terms = camels(traits["node_affinity_required"])
        node[f"{required}{ignored}"] = {"nodeSelectorTerms": terms}
    if traits.get("node_affinity_preferred"):
        node[f"{preferred}{ignored}"] = camels(traits["node_affinity_preferred"])
    made: Manifest = {"nodeAffinity": node}
    for key, trait in (("podAffinity", "pod_affinity"), ("podAntiAffinity", "pod_anti_affinity")):
        kinds = ((required, f"{trait}_required"), (preferred, f"{trait}_preferred"))
        made[key] = {f"{kind}{ignored}": camels(traits[it]) for kind, it in kinds if traits.get(it)}
    return {key: value for key, value in made.items() if value}


def _reference(secret: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": secret} if isinstance(secret, str) else secret
