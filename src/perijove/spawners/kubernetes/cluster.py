"""Cluster: our six calls to a Kubernetes API server, plain JSON in and out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from random import uniform
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from perijove.spawners.kubernetes import errors, wire
from perijove.spawners.kubernetes.errors import Missing, Silent, Unreachable
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.line import Line
from perijove.spawners.kubernetes.listing import Listing
from perijove.spawners.kubernetes.outage import Outage
from perijove.spawners.kubernetes.trim import Trim
from perijove.spawners.kubernetes.wire import Object

Listed: TypeAlias = tuple[list[Object], str]
"""Objects, and the resourceVersion to watch from."""

PAGE = 100
"""Objects; 0.7 MB of pods, which is read and cut into its objects in 2 ms."""
_WATCH_SECONDS = 300
_MOST_LOG = 16 * 1024 * 1024
SILENCE = 65.0
"""Seconds without a byte; an API server that has something in memory says so once a minute."""
UNHEARD = _WATCH_SECONDS * 1.5 + 15.0
"""The same for events, which it does not keep in memory, and for what never changes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: where it is found, and what to call it."""

    plural: str
    api: str = "/api/v1"
    namespaced: bool = True

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of one of them, or of all."""
        within = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.api}{within}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


PODS = Kind("pods")
CLAIMS = Kind("persistentvolumeclaims")
EVENTS = Kind("events")
SECRETS = Kind("secrets")
NODES = Kind("nodes", namespaced=False)
NAMESPACES = Kind("namespaces", namespaced=False)
CLASSES = Kind("storageclasses", "/apis/storage.k8s.io/v1", namespaced=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object as text."""

    type: str
    text: bytes | msgspec.Raw
    version: str
    """The resourceVersion to go on from."""

    @property
    def object(self) -> Object:
        """Return the whole object."""
        return wire.unpack(self.text)


class Cluster:
    """One namespace of a cluster, as one account may use it."""

    def __init__(self, line: Line, namespace: str) -> None:
        self.namespace = namespace
        self._line = line

    @classmethod
    async def connect(cls, access: Access) -> "Cluster":
        """Return it; nothing is sent yet.

        Raises:
            BadKubeconfig: a certificate cannot be used.
        """
        return cls(await Line.to(access), access.namespace)

    async def close(self) -> None:
        """Close every connection."""
        await self._line.close()

    @property
    def outage(self) -> Outage:
        """Return whether its API server is away."""
        return self._line.outage

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Return what has been made of `manifest`.

        Raises:
            Exists: there is one of that name.
        """
        return wire.answered(await self._line.ask("POST", kind.path(self.namespace), body=manifest))

    async def delete(
        self, kind: Kind, name: str, *, uid: str | None = None, grace: int | None = None
    ) -> Object:
        """Begin to delete `name`; return it as it is then, or a Status if it is gone at once.

        `grace` is in seconds; None is what the object says itself.

        Raises:
            Missing: there is none of that name.
            Changed: it has another uid.
        """
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        options["propagationPolicy"] = "Background"
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        path = kind.path(self.namespace, name)
        return wire.answered(await self._line.ask("DELETE", path, body=options))

    async def get(self, kind: Kind, name: str) -> Object | None:
        """Return `name`, or None if there is none."""
        try:
            return wire.answered(await self._line.ask("GET", kind.path(self.namespace, name)))
        except Missing:
            return None

    async def list(
        self,
        kind: Kind,
        *,
        labels: str = "",
        fields: str = "",
        trim: Trim | None = None,
    ) -> Listed:
        """Return all that match, and the resourceVersion to watch from.

        `trim` keeps of each what is of use.
        """
        listing = self.listing(kind, labels=labels, fields=fields, trim=trim)
        kept = [object async for object in listing]
        return kept, listing.version

    def listing(
        self,
        kind: Kind,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
        trim: Trim | None = None,
    ) -> Listing:
        """Return all that match, to be read in pages of `limit` (0 is all at once)."""
        query = _query(labels, fields) | ({"limit": limit} if limit else {})

        async def page(token: str) -> bytes:
            more = {"continue": token} if token else {}
            return await self._line.ask("GET", kind.path(self.namespace), query | more)

        return Listing(page, trim)

    async def watch(
        self,
        kind: Kind,
        *,
        since: str,
        labels: str = "",
        fields: str = "",
        silence: float = SILENCE,
    ) -> AsyncGenerator[Event, None]:
        """Yield what changes after resourceVersion `since`, first of all a BOOKMARK of it.

        That one is ours: the API server has answered. It ends by itself every few minutes;
        go on from the newest resourceVersion. Objects have `kind` left out, as in lists.

        Raises:
            Expired: `since` is too old; list again.
            Silent: nothing came for `silence` seconds.
            Unreachable: it broke.
        """
        seconds = int(_WATCH_SECONDS * uniform(1.0, 1.5))  # noqa: S311 - a delay is no secret
        query = _query(labels, fields) | {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": seconds,
        }
        async with self._line.stream(kind.path(self.namespace), query) as parts:
            yield _bookmark(since)
            rest = b""
            while part := await _next(parts, silence):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if line:
                        yield _event(line)
        if rest:
            raise Unreachable("the watch broke in the middle of a line")

    async def log(
        self, pod: str, *, container: str, tail_bytes: int = 65536, previous: bool = False
    ) -> str:
        """Return the last `tail_bytes` of what `container` has written; '' if there is nothing.

        The API server counts from the beginning when told of bytes, so it is told of lines.
        """
        query: dict[str, str | int] = {
            "container": container,
            "tailLines": max(tail_bytes // 32, 1),
            "limitBytes": _MOST_LOG,
        }
        if previous:
            query["previous"] = "true"
        path = f"{PODS.path(self.namespace, pod)}/log"
        with suppress(Missing):
            try:
                whole = await self._line.ask("GET", path, query, of_kubelet=True)
            except errors.Rejected as error:
                if error.status != HTTPStatus.BAD_REQUEST:  # 400: it is still to start
                    raise
                return ""
            return whole[-tail_bytes:].decode(errors="replace")
        return ""


def _query(labels: str, fields: str) -> dict[str, str | int]:
    query: dict[str, str | int] = {}
    if labels:
        query["labelSelector"] = labels
    if fields:
        query["fieldSelector"] = fields
    return query


async def _next(parts: AsyncIterator[bytes], silence: float) -> bytes:
    """Return what comes next; b'' is the end."""
    try:
        async with asyncio.timeout(silence):
            return await anext(parts, b"")
    except TimeoutError as error:
        raise Silent(f"nothing was heard for {silence:.0f} s") from error


def _bookmark(version: str) -> Event:
    return Event("BOOKMARK", wire.pack({"metadata": {"resourceVersion": version}}), version)


def _event(line: bytes) -> Event:
    try:
        said = wire.said(line)
        if said.type != "ERROR":
            return Event(said.type, said.object, wire.head(said.object).metadata.resourceVersion)
    except wire.BROKEN as error:
        raise Unreachable("the watch says something that is no event") from error
    raise errors.of(int(wire.answered(bytes(said.object)).get("code") or 500), bytes(said.object))
