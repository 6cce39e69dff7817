"""Servers as pods: found by name in a cache of the cluster, made and removed in one call each."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from perijove.kit.clock import Clock
from perijove.kit.merged import merged
from perijove.model.errors import Refused
from perijove.model.placement import Placement
from perijove.model.signal import Signal
from perijove.model.trash import Label
from perijove.model.workload import GONE, LaunchSpec, Observation, State
from perijove.spawners import Devices, Gauge
from perijove.spawners.kubernetes import claim, pod
from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import CLAIMS, NODES, PODS, Cluster, Kind
from perijove.spawners.kubernetes.errors import Changed, Exists, Missing, Postponed, Refusal
from perijove.spawners.kubernetes.labels import USER, origin_of
from perijove.spawners.kubernetes.names import Fields, expand, fields, placed
from perijove.spawners.kubernetes.observe import observation, ours
from perijove.spawners.kubernetes.refusals import refusal
from perijove.spawners.kubernetes.rescue import rescued
from perijove.spawners.kubernetes.said import said
from perijove.spawners.kubernetes.signals import Sight, moment
from perijove.spawners.kubernetes.wire import Object

GRACE = 10
"""Seconds in which a server may save: KubeSpawner gives one, in which nothing can be saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """What all pods have in common, before their profiles."""

    traits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """By the names of KubeSpawner's traits; settings.pods makes them."""
    pod_name: str = "jupyter-{user_server}"
    claim_name: str = "claim-{user_server}"


@dataclass(frozen=True, slots=True)
class Names:
    """Names pods and claims, as core.place.Names asks."""

    settings: PodSettings
    namespace: str

    def __call__(self, user: str, server: str, user_id: int, attempt: int) -> tuple[str, str]:
        """Return the name of the pod and that of the claim."""
        known = fields(user, server, user_id, self.namespace)
        workload = placed(self.settings.pod_name, known, attempt)
        home = placed(self.settings.claim_name, {**known, "pod_name": workload}, attempt)
        return workload, home


class KubernetesSpawner:
    """The pods of one instance in one namespace. What it knows it reads from the cache."""

    devices: Devices | None = None
    trash = None
    """A claim that is kept would hold its volume, and its cost: its class says what is kept."""
    gauge: Gauge | None = None

    def __init__(
        self,
        instance: str,
        cluster: Cluster,
        cache: Cache,
        settings: PodSettings,
        clock: Clock,
    ) -> None:
        """Use `cache`, which somebody runs."""
        self._instance = instance
        self._cluster = cluster
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._refused: dict[str, Observation] = {}
        """Why the last start of a name was refused that may be taken later; only a hint."""

    async def start(self, spec: LaunchSpec) -> None:
        """Create its pod, unless there is one of that name."""
        if self._cache.get(PODS, spec.name) is not None:
            return
        known, traits = self._known(spec), self._traits(spec)
        manifest = pod.manifest(spec, traits, known)
        try:
            made = await self._cluster.create(PODS, manifest)
        except Exists:
            made = await self._cluster.get(PODS, spec.name) or {}
        except Refusal as error:
            self._refuse(spec, error)
        self._refused.pop(spec.name, None)
        if made:
            self._cache.put(PODS, made)

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        """Delete its pod, if it is that one: by its uid, so never the next."""
        self._refused.pop(name, None)
        found = self._cache.get(PODS, name)
        if found is None or not ours(found, self._instance):
            return
        origin, meta = origin_of(found), found["metadata"]
        if origin is None or origin.incarnation != incarnation:
            return
        if meta.get("deletionTimestamp") and not (force and meta.get("deletionGracePeriodSeconds")):
            return  # it is on its way, as fast as was asked
        grace = 0 if force else int(self._settings.traits.get("delete_grace_period", GRACE))
        try:
            left = await self._cluster.delete(PODS, name, uid=meta["uid"], grace=grace)
        except (Missing, Changed):
            self._cache.drop(PODS, name, meta["uid"])
            return
        self._left(PODS, name, meta["uid"], left)

    async def poll(self, name: str) -> Observation:
        """Look into the cache."""
        found = self._cache.get(PODS, name)
        if found is None:
            return self._refused.get(name, GONE)
        return observation(self._sight(found), self._instance)

    async def watch(self) -> AsyncIterator[str]:
        """Yield what the cache rings for."""
        async for name in self._cache.changes():
            yield name

    def renew(self, traits: Mapping[str, Any]) -> None:
        """Make other pods; what they and their claims are called stays."""
        self._settings = replace(self._settings, traits=traits)

    async def logs(self, name: str, tail: int = 65536) -> str:
        """Ask the kubelet, if the container has begun."""
        found = self._cache.get(PODS, name)
        if found is None or not ours(found, self._instance) or not _begun(found):
            return ""
        return await self._cluster.log(name, container=pod.CONTAINER, tail_bytes=tail)

    async def events(self, name: str) -> list[Signal]:
        """Return the events of its pod in the words of the cluster, and what they mean."""
        found = self._cache.get(PODS, name)
        if found is None or not ours(found, self._instance):
            return list(self._refused.get(name, GONE).signals)
        raw = [
            Signal(
                code="cluster-event",
                params={
                    "reason": str(it.get("reason", "")),
                    "why": said(it.get("message")),
                },
                at=moment(it.get("lastTimestamp") or it.get("eventTime")),
            )
            for it in self._sight(found).events
        ]
        return [*raw, *observation(self._sight(found), self._instance).signals]

    async def ensure_storage(self, spec: LaunchSpec) -> None:
        """Create the claim of its home, if homes are claims of their own and it is not there.

        Raises:
            Refused: it belongs to somebody else, or can never be made.
            Postponed: it may be made later.
        """
        traits = self._traits(spec)
        if not traits.get("storage_pvc_ensure"):
            return
        name = spec.origin.home
        there = self._cache.get(CLAIMS, name)
        if there is None:
            try:
                manifest = claim.manifest(name, spec.origin, traits, self._known(spec))
                there = await self._cluster.create(CLAIMS, manifest)
                self._cache.put(CLAIMS, there)
            except Exists:
                there = await self._cluster.get(CLAIMS, name)
            except Refusal as error:
                self._refuse(spec, error)
        if there is not None and there["metadata"].get("deletionTimestamp"):
            self._postpone(spec, Signal(code="claim-leaving", params={"claim": name}))
        if there is not None and not self._belongs(there, spec):
            raise Refused("claim-taken", claim=name)

    async def remove_storage(self, placement: Placement, label: Label) -> None:
        """Delete the claim: what becomes of the volume is said by its class."""
        del label
        name = placement.home
        there = self._cache.get(CLAIMS, name)
        if there is None or not ours(there, self._instance):
            return
        if not self._settings.traits.get("storage_pvc_ensure"):
            return  # homes are elsewhere now: this one is of before, and not ours to judge
        uid = there["metadata"]["uid"]
        try:
            left = await self._cluster.delete(CLAIMS, name, uid=uid)
        except (Missing, Changed):
            self._cache.drop(CLAIMS, name, uid)
        else:
            self._left(CLAIMS, name, uid, left)

    def _belongs(self, there: Object, spec: LaunchSpec) -> bool:
        """Return whether a claim is that of the user: a recreated name inherits nothing.

        One of another database, or of KubeSpawner, says only a name.
        """
        origin, notes = origin_of(there), there["metadata"].get("annotations") or {}
        if origin is not None and ours(there, self._instance):
            return origin.user_id == spec.origin.user_id
        return bool(notes.get(USER, spec.origin.user) == spec.origin.user)

    def _refuse(self, spec: LaunchSpec, error: Refusal) -> NoReturn:
        """Tell of a start that was refused.

        Raises:
            Refused: it will be again.
            Postponed: it may be taken later.
        """
        signal = refusal(error)
        if signal.terminal:
            raise Refused(signal.code, **signal.params) from error
        self._postpone(spec, signal, error.message)

    def _postpone(self, spec: LaunchSpec, signal: Signal, why: str = "") -> NoReturn:
        seen = Observation(state=State.GONE, origin=spec.origin, signals=(signal,))
        self._refused[spec.name] = seen
        raise Postponed(why or signal.code)

    def _left(self, kind: Kind, name: str, uid: str, left: Object) -> None:
        """Take in the answer to a delete: what is left of it, or that nothing is."""
        if left.get("kind") == "Status":
            self._cache.drop(kind, name, uid)
        else:
            self._cache.put(kind, left)

    def _traits(self, spec: LaunchSpec) -> dict[str, Any]:
        traits = merged(self._settings.traits, spec.overrides)
        return rescued(traits) if spec.rescue else traits

    def _known(self, spec: LaunchSpec) -> Fields:
        origin = spec.origin
        known = fields(origin.user, origin.server, origin.user_id, self._cluster.namespace)
        return {**known, "pod_name": spec.name, "pvc_name": origin.home}

    def _sight(self, found: Object) -> Sight:
        """Return what is known of a pod; only what can matter is looked up, for each costs."""
        events, there = self._cache.events_of(PODS, found["metadata"]["name"]), None
        if found.get("status", {}).get("phase") == "Pending":
            origin = origin_of(found)
            there = self._cache.get(CLAIMS, origin.home) if origin and origin.home else None
            if origin and there is not None:
                events = [*self._cache.events_of(CLAIMS, origin.home), *events]
        nodes = None if self._cache.off(NODES) else tuple(self._nodes(found))
        return Sight(pod=found, events=events, claim=there, nodes=nodes, now=self._clock())

    def _nodes(self, found: Object) -> Iterator[Object]:
        """Yield the node of a pod, or all of them where none is found for it."""
        name = found.get("spec", {}).get("nodeName")
        if name:
            node = self._cache.get(NODES, name)
            yield from [node] if node else []
        elif any(
            it.get("status") == "False" for it in found.get("status", {}).get("conditions", ())
        ):
            yield from self._cache.all(NODES)


def check(settings: PodSettings, namespace: str) -> None:
    """Try every template once, so that a bad one is told at the start of the hub.

    Raises:
        Refused: there is a bad one.
    """
    names = Names(settings, namespace)("someone", "", 1, 0)
    known = {**fields("someone", "", 1, namespace), "pod_name": names[0], "pvc_name": names[1]}
    for key in ("extra_labels", "extra_annotations", "environment", "volumes", "volume_mounts",
                "init_containers", "extra_containers", "extra_pod_config", "service_account",
                "storage_extra_labels", "storage_selector"):  # fmt: skip
        expand(settings.traits.get(key), known)


def _begun(found: Object) -> bool:
    statuses = found.get("status", {}).get("containerStatuses", ())
    states = [it.get("state", {}) for it in statuses if it.get("name") == pod.CONTAINER]
    return any("running" in state or "terminated" in state for state in states)
