"""Checks of a cluster: is it reached, what may we do in it, and is there storage for homes."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

from perijove.cli.doctor import pod
from perijove.cli.doctor.finding import Finding, Health, bad, good, skipped
from perijove.cli.pods import access
from perijove.cli.trouble import Trouble
from perijove.settings import Settings
from perijove.settings.pod_sections import StorageSettings
from perijove.spawners.kubernetes.cluster import CLAIMS, CLASSES, Cluster
from perijove.spawners.kubernetes.errors import (
    BadKubeconfig,
    ClusterError,
    Forbidden,
    Unauthenticated,
)
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.rights import NEEDED, SEEN, Right, account, missing

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_PODS = {"create pods", "get pods", "delete pods", "list events"}
"""Without these no pod is tried: it could not be followed, or would stay."""


@dataclass(slots=True, kw_only=True)
class _Known:
    """What has been found out of an account so far."""

    lacking: Sequence[Right] = ()
    unseen: Sequence[Right] = ()
    names: list[str] = field(default_factory=lambda: ["rights", "storage", *pod.CHECKS])
    """Checks that are still to come."""


async def checks(
    given: Namespace, settings: Settings | None, language: str
) -> AsyncGenerator[Finding, None]:
    """Yield what each check finds, in the order in which one needs the other."""
    known = _Known()
    if given.no_start:
        known.names = known.names[:2]
    try:
        reach = await asyncio.to_thread(access, given)
        cluster = await Cluster.connect(reach)
    except (Trouble, BadKubeconfig) as error:
        yield bad("cluster", "cluster.kubeconfig", why=str(error))
        for name in known.names:
            yield skipped(name, "cluster")
        return
    try:
        async for finding in _looked(cluster, reach, settings, known):
            yield finding
        if known.names:
            looked = pod.Looked(cluster=cluster, given=given, language=language)
            async for finding in looked.checks(settings):
                yield finding
    finally:
        await asyncio.shield(cluster.close())


async def _looked(
    cluster: Cluster, reach: Access, settings: Settings | None, known: _Known
) -> AsyncIterator[Finding]:
    """Yield what can be seen without a pod; no pod is to be tried when it leaves no names."""
    reached = await _reached(cluster, reach, known)
    yield reached
    because = "cluster" if reached.health is Health.BAD else ""
    if not because:
        yield await _rights(cluster, reach, known)
        because = "" if settings else "config"
        known.names.remove("rights")
    if not because and settings:
        yield await _storage(cluster, settings.singleuser.storage, known)
        known.names.remove("storage")
        because = "rights" if _PODS & {str(it) for it in known.lacking} else ""
    if because:
        for name in known.names:
            yield skipped(name, because)
        known.names = []


async def _reached(cluster: Cluster, reach: Access, known: _Known) -> Finding:
    """Return whether somebody answers who knows us."""
    try:
        known.lacking = await missing(cluster, NEEDED)
        known.unseen = await missing(cluster, SEEN)
    except Unauthenticated as error:
        return bad("cluster", "cluster.stranger", why=str(error))
    except Forbidden as error:
        return bad("cluster", "cluster.nobody", source=reach.source, why=str(error))
    except ClusterError as error:
        return bad("cluster", "cluster.silent", why=str(error), source=reach.source)
    return good("cluster", server=reach.server, namespace=cluster.namespace)


async def _rights(cluster: Cluster, reach: Access, known: _Known) -> Finding:
    """Return what our account may not do that it must."""
    try:
        who = await account(cluster) or reach.source
    except ClusterError:
        who = reach.source
    names = ", ".join(map(str, known.lacking or known.unseen))
    about = {"who": who, "names": names, "namespace": cluster.namespace}
    if known.lacking:
        first = known.lacking[0]
        return bad("rights", "rights.missing", **about, first=str(first))
    if known.unseen:
        return Finding(check="rights", health=Health.GOOD, code="rights.unseen", params=about)
    return good("rights", who=who, namespace=cluster.namespace)


async def _storage(cluster: Cluster, storage: StorageSettings, known: _Known) -> Finding:
    """Return whether homes get what they are to be kept in."""
    try:
        if storage.type == "static":
            return await _claim(cluster, storage.static.pvc_name or "")
        if storage.type == "none":
            return good("storage", "storage.none.good")
        name = storage.dynamic.storage_class
        if name == "":
            return good("storage", "storage.by-hand.good")
        if any(it.resource == "storageclasses" for it in known.unseen):
            return Finding(check="storage", health=Health.SKIPPED, code="storage.unseen")
        return await _class(cluster, name)
    except ClusterError as error:
        return bad("storage", "storage.unknown", why=str(error))


async def _class(cluster: Cluster, name: str | None) -> Finding:
    """Return whether there is the class `name`, or a default one."""
    found, _ = await cluster.list(CLASSES)
    classes = {str(it["metadata"]["name"]): it["metadata"] for it in found}
    known = ", ".join(sorted(classes)) or "-"
    if name in classes:
        return good("storage", name=str(name))
    if name is not None:
        return bad("storage", "storage.class", name=name, known=known)
    for each, metadata in classes.items():
        if (metadata.get("annotations") or {}).get(_DEFAULT) == "true":
            return good("storage", name=each)
    return bad("storage", "storage.no-default", known=known)


async def _claim(cluster: Cluster, name: str) -> Finding:
    """Return whether the one claim of all homes is there; a template names many."""
    if "{" in name or (name and await cluster.get(CLAIMS, name) is not None):
        return good("storage", "storage.static.good", name=name)
    return bad("storage", "storage.claim", name=name, namespace=cluster.namespace)
