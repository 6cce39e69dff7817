"""What of a cluster the spawner keeps in memory, and which fields of it."""

from perijove.spawners.kubernetes.cluster import CLAIMS, EVENTS, NODES, PODS, SILENCE
from perijove.spawners.kubernetes.interest import Interest, event_of_ours, told_pod
from perijove.spawners.kubernetes.labels import COMPONENT, STORAGE
from perijove.spawners.kubernetes.trim import keeping
from perijove.spawners.kubernetes.wire import Object

_pod = keeping(
    "metadata.labels",
    "metadata.annotations",
    "metadata.deletionGracePeriodSeconds",
    "spec.nodeName",
    "spec.nodeSelector",
    "spec.containers[].name",
    "spec.containers[].image",
    "spec.containers[].resources",
    "status.phase",
    "status.reason",
    "status.message",
    "status.podIP",
    "status.conditions",
    *(
        f"status.{kind}[].{name}"
        for kind in ("containerStatuses", "initContainerStatuses")
        for name in ("name", "image", "imageID", "restartCount", "state", "lastState")
    ),
)
_claim = keeping("metadata.labels", "metadata.annotations", "status.phase")
_node = keeping("metadata.labels", "status.allocatable", "status.conditions", "spec.unschedulable")


def _nobody(object: Object) -> str:
    del object
    return ""


INTERESTS = (
    Interest(kind=PODS, labels=f"component={COMPONENT}", trim=_pod),
    Interest(
        kind=CLAIMS,
        labels=f"component={STORAGE}",
        trim=_claim,
        rings=_nobody,
        silence=2 * SILENCE,  # most change once in their life
    ),
    Interest(kind=EVENTS, trim=event_of_ours, rings=told_pod),
    Interest(kind=NODES, trim=_node, rings=_nobody, optional=True),
)
"""By the label of KubeSpawner: another instance's pod of the same name must be seen as well."""
