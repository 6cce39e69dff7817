"""Rights: what the account of a hub must be allowed in a cluster, and what of it is missing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from perijove.spawners.kubernetes.cluster import Cluster, Kind
from perijove.spawners.kubernetes.errors import Refusal

_REVIEWS = Kind("selfsubjectaccessreviews", "/apis/authorization.k8s.io/v1", namespaced=False)
_SELF = Kind("selfsubjectreviews", "/apis/authentication.k8s.io/v1", namespaced=False)
_STORAGE = "storage.k8s.io"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource."""

    verb: str
    resource: str
    """As a Role names it: pods/log is one of its own."""
    group: str = ""

    def __str__(self) -> str:
        """Return it as a sentence names it."""
        return f"{self.verb} {self.resource}"


def _each(resource: str, *verbs: str, group: str = "") -> tuple[Right, ...]:
    return tuple(Right(verb, resource, group) for verb in verbs)


NEEDED = (
    *_each("pods", "get", "list", "watch", "create", "delete"),
    *_each("persistentvolumeclaims", "get", "list", "watch", "create", "delete"),
    *_each("events", "list", "watch"),
    *_each("pods/log", "get"),
)
"""In the namespace; the Role of the chart is the same list, and a test holds them together."""
SEEN = (
    *_each("nodes", "list", "watch"),
    *_each("storageclasses", "list", group=_STORAGE),
)
"""In the whole cluster: without it we work, and can say less."""
VITAL = tuple(it for it in NEEDED if it.resource == "pods" or it.verb in {"list", "watch"})
"""Without one of these no server can be started or known."""


async def missing(cluster: Cluster, rights: Iterable[Right]) -> list[Right]:
    """Return which of `rights` we do not have.

    Raises:
        ClusterError: nobody knows.
    """
    wanted = list(rights)
    found = await asyncio.gather(
        *(_allowed(cluster, right) for right in wanted), return_exceptions=True
    )
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [right for right, allowed in zip(wanted, found, strict=True) if not allowed]


async def account(cluster: Cluster) -> str:
    """Return the name of our account; '' where the cluster is too old to say it (before 1.28)."""
    try:
        said = await cluster.create(_SELF, _review(_SELF, "SelfSubjectReview"))
    except Refusal:
        return ""
    return str(said.get("status", {}).get("userInfo", {}).get("username", ""))


async def _allowed(cluster: Cluster, right: Right) -> bool:
    resource, _, below = right.resource.partition("/")
    about = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": below}
    if right not in SEEN:
        about["namespace"] = cluster.namespace
    asked = _review(_REVIEWS, "SelfSubjectAccessReview") | {"spec": {"resourceAttributes": about}}
    said = await cluster.create(_REVIEWS, asked)
    return bool(said.get("status", {}).get("allowed"))


def _review(of: Kind, kind: str) -> dict[str, object]:
    return {"apiVersion": of.api.removeprefix("/apis/"), "kind": kind}
