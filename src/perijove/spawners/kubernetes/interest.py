"""Interest: which objects of a kind are kept in memory, and what of them."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from perijove.spawners.kubernetes.cluster import CLASSES, EVENTS, SILENCE, UNHEARD, Kind
from perijove.spawners.kubernetes.trim import Trim, keeping
from perijove.spawners.kubernetes.wire import Object

_INVOLVED = {"Pod", "PersistentVolumeClaim"}
_everything = keeping("metadata", "spec", "status")
_event = keeping(
    "metadata.creationTimestamp",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.fieldPath",
    "reason",
    "message",
    "type",
    "count",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "series",
    "source.component",
    "source.host",
    "reportingComponent",
    "reportingInstance",
)


def own_name(object: Object) -> str:
    """Return the name of an object."""
    return str(object["metadata"]["name"])


def told_pod(event: Object) -> str:
    """Return the name of the pod that an event speaks of, '' if it speaks of none."""
    about = event["involvedObject"]
    return str(about.get("name", "")) if about.get("kind") == "Pod" else ""


def event_of_ours(text: bytes | msgspec.Raw) -> Object | None:
    """Return what we keep of an event; None if it is neither of a pod nor of a claim."""
    event = _event(text)
    return event if event and (event.get("involvedObject") or {}).get("kind") in _INVOLVED else None


@dataclass(frozen=True, slots=True)
class Interest:
    """One list and one watch."""

    kind: Kind
    labels: str = ""
    fields: str = ""
    trim: Trim = _everything
    rings: Callable[[Object], str] = own_name
    """Whose bell it rings when an object changes; '' is nobody's."""
    optional: bool = False
    """Without the right to read it we go on without."""
    silence: float = 0.0
    """Seconds after which a watch is taken for dead; 0 is what suits the kind."""

    @property
    def most_silence(self) -> float:
        """Return the same, never 0: events and storage classes have no bookmarks (1.34)."""
        return self.silence or (UNHEARD if self.kind in {EVENTS, CLASSES} else SILENCE)
