"""`perijove hub --spawner kubernetes`: servers as pods; the hub in a pod itself, or beside them."""

import asyncio
import logging
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from perijove.cli.trouble import Trouble
from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.model.errors import Refused
from perijove.settings import BadConfig, Problem, Settings
from perijove.settings.pods import templates, traits
from perijove.spawners import Spawner
from perijove.spawners.kubernetes.cache import Cache
from perijove.spawners.kubernetes.cluster import Cluster
from perijove.spawners.kubernetes.errors import (
    BadKubeconfig,
    ClusterError,
    Forbidden,
    Unauthenticated,
)
from perijove.spawners.kubernetes.interests import INTERESTS
from perijove.spawners.kubernetes.kubeconfig import Access, Wanted, find
from perijove.spawners.kubernetes.pod import PORT
from perijove.spawners.kubernetes.rights import VITAL, account, missing
from perijove.spawners.kubernetes.spawner import KubernetesSpawner, Names, PodSettings, check

logger = logging.getLogger(__name__)

LISTEN = ("0.0.0.0", PORT)  # noqa: S104 - in its pod, whose address is its own
_ANSWER = 3.0
"""Seconds for the cluster to say what we may do, while nobody is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """What a hub is given whose servers are pods."""

    spawner: Callable[[str], Spawner]
    traits: Callable[[Settings], Mapping[str, Any]]
    names: Names
    silence: Callable[[], float]
    """For how many seconds the cluster was not heard of."""


def access(given: Namespace) -> Access:
    """Return the cluster that the command line, the pod or the account means.

    Raises:
        Trouble: there is none, or it cannot be used.
    """
    wanted = Wanted(
        file=Path(given.kubeconfig) if given.kubeconfig else None,
        context=given.context or "",
        namespace=given.namespace or "",
    )
    try:
        return find(wanted)
    except BadKubeconfig as error:
        raise Trouble(str(error)) from None


@asynccontextmanager
async def pods(settings: Settings, reach: Access, clock: Clock) -> AsyncIterator[Pods]:
    """Yield what a hub needs, and keep it fresh; no pod ends with it.

    Raises:
        Trouble: a certificate or a template of the settings cannot be used, or the cluster
            knows us and says that we may not do what a hub must.
    """
    common = _common(reach.namespace, settings)
    try:
        cluster = await Cluster.connect(reach)
    except BadKubeconfig as error:
        raise Trouble(str(error)) from None
    try:
        await _require_rights(cluster, reach)
        cache = Cache(cluster, INTERESTS)
        async with in_background(cache.run()):
            yield Pods(
                spawner=partial(_spawner, cluster, cache, common, clock),
                traits=lambda settings: _common(reach.namespace, settings).traits,
                names=Names(common, reach.namespace),
                silence=cache.silence,
            )
    finally:
        await asyncio.shield(cluster.close())


def _common(namespace: str, settings: Settings) -> PodSettings:
    """Return what all pods have in common.

    Raises:
        BadConfig: a template of theirs names what there is not.
    """
    pod_name, claim_name = templates(settings)
    common = PodSettings(traits=traits(settings), pod_name=pod_name, claim_name=claim_name)
    try:
        check(common, namespace)
    except Refused as error:
        words = f"a template names what there is not: {error.params.get('template')!r}."
        raise BadConfig((Problem(words, "singleuser"),)) from None
    return common


async def _require_rights(cluster: Cluster, reach: Access) -> None:
    """Refuse to begin what can never work. A cluster that does not answer may do so later."""
    try:
        async with asyncio.timeout(_ANSWER):
            lacking = await missing(cluster, VITAL)
            who = await account(cluster) if lacking else ""
    except Unauthenticated as error:
        raise Trouble(str(error)) from None
    except Forbidden as error:
        raise Trouble(
            f"{reach.source} shows nothing by which {reach.server} knows who we are ({error})."
            " Choose a context that has a user, with --context."
        ) from None
    except (ClusterError, TimeoutError) as error:
        why = str(error) or f"{reach.server} does not answer in time."
        logger.warning("the cluster cannot be asked what we may do: %s", why)
        return
    if lacking:
        raise Trouble(
            f"{who or reach.source} may not {', '.join(map(str, lacking))} in the namespace"
            f" {cluster.namespace}: set rbac.create to true in the values of the chart, or grant"
            " it; `perijove doctor --spawner kubernetes` looks again."
        )


def _spawner(
    cluster: Cluster, cache: Cache, common: PodSettings, clock: Clock, instance: str
) -> Spawner:
    return KubernetesSpawner(instance, cluster, cache, common, clock)
