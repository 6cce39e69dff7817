"""Kubeconfig: which API server, which namespace, and how to show who we are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from perijove.kit.clock import Clock
from perijove.spawners.kubernetes import entries
from perijove.spawners.kubernetes.credentials import Credentials, Fixed, TokenFile
from perijove.spawners.kubernetes.entries import Entry, Tree
from perijove.spawners.kubernetes.errors import BadKubeconfig
from perijove.spawners.kubernetes.tls import Pair, Trust
from perijove.spawners.kubernetes.user import credentials, pair

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SECTIONS = ("clusters", "users", "contexts")
_ANOTHER = "Choose another with --kubeconfig FILE."


@dataclass(frozen=True, slots=True)
class Access:
    """All that is needed to speak to one API server."""

    server: str
    """https://host:port, with a path or none; no '/' at the end."""
    namespace: str
    source: str
    """Where this was read, for a sentence."""
    credentials: Credentials = field(default_factory=Fixed)
    trust: Trust = field(default_factory=Trust)
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; '' and None are: nothing."""

    file: Path | None = None
    context: str = ""
    namespace: str = ""


def find(
    wanted: Wanted,
    environment: Mapping[str, str] = os.environ,
    account: Path = SERVICE_ACCOUNT,
    clock: Clock | None = None,
) -> Access:
    """Return how to reach the cluster; it reads files, so call it in a thread.

    The first of these is taken: the file that the command line names, the service account of
    the pod that we run in, the files in KUBECONFIG, ~/.kube/config.

    Raises:
        BadKubeconfig: with a sentence and a next step.
    """
    clock = clock or Clock()
    inside = environment.get("KUBERNETES_SERVICE_HOST")
    if wanted.file is None and not wanted.context and inside and (account / "token").exists():
        return _in_cluster(wanted, environment, account)
    files, must = _files(wanted, environment)
    merged = _merged(files, must=must)
    return _chosen(merged, wanted, clock)


@dataclass(slots=True)
class _Merged:
    """Some files as one: of two things of one name the first is taken, as kubectl does."""

    files: list[Path]
    context: str = ""
    named: dict[str, dict[str, Entry]] = field(
        default_factory=lambda: {section: {} for section in _SECTIONS}
    )

    @property
    def source(self) -> str:
        """Return the files, for a sentence."""
        return os.pathsep.join(str(path) for path in self.files)

    def get(self, section: str, name: str, by: str) -> Entry:
        """Return the entry `name`, which `by` speaks of."""
        found = self.named[section].get(name)
        if found is not None:
            return found
        known = sorted(self.named[section])
        close = get_close_matches(name, known, 1)
        there = f"there are {', '.join(map(repr, known))}" if known else "there are none"
        hint = f"did you mean {close[0]!r}?" if close else f"{there}."
        raise BadKubeconfig(f"{self.source}: {by} {name!r} does not exist; {hint}")


def _in_cluster(wanted: Wanted, environment: Mapping[str, str], account: Path) -> Access:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT")
    namespace, authorities = account / "namespace", account / "ca.crt"
    try:
        own = namespace.read_text().strip() if namespace.exists() else ""
        trust = Trust(entries.certificate(authorities.read_text(), str(authorities)))
    except OSError as error:
        raise BadKubeconfig(
            f"{error.filename} cannot be read ({error.strerror}): mount the service account"
            " into the pod (automountServiceAccountToken)."
        ) from error
    return Access(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        namespace=wanted.namespace or own or "default",
        source="the service account of this pod",
        credentials=TokenFile(account / "token"),
        trust=trust,
    )


def _files(wanted: Wanted, environment: Mapping[str, str]) -> tuple[list[Path], bool]:
    """Return the files to read, and whether each must be there."""
    if wanted.file is not None:
        return [wanted.file.expanduser()], True
    listed = [it for it in environment.get("KUBECONFIG", "").split(os.pathsep) if it]
    if listed:
        return [Path(it).expanduser() for it in dict.fromkeys(listed)], False
    home = environment.get("HOME")
    return [(Path(home) if home else Path.home()) / ".kube/config"], False


def _merged(files: list[Path], *, must: bool) -> _Merged:
    there = files if must else [path for path in files if path.exists()]
    if not there:
        raise BadKubeconfig(
            f"There is no kubeconfig: {os.pathsep.join(map(str, files))} does not exist."
            " Name one with --kubeconfig FILE or KUBECONFIG."
        )
    merged = _Merged(there)
    for path in there:
        tree = entries.load(path)
        merged.context = merged.context or str(tree.get("current-context") or "")
        for section in _SECTIONS:
            for name, entry in entries.named(tree, section, path):
                merged.named[section].setdefault(name, entry)
    return merged


def _chosen(merged: _Merged, wanted: Wanted, clock: Clock) -> Access:
    name = wanted.context or merged.context
    if not name:
        raise BadKubeconfig(
            f"{merged.source}: no context is chosen. Name one with --context,"
            " or set current-context with `kubectl config use-context NAME`."
        )
    context = merged.get("contexts", name, "the context")
    cluster = merged.get("clusters", context.text("cluster"), f"context {name!r}: its cluster")
    user = context.text("user")
    who = merged.get("users", user, f"context {name!r}: its user") if user else None
    shown = pair(who, clock) if who else None
    return Access(
        server=_server(cluster),
        namespace=wanted.namespace or context.text("namespace") or "default",
        source=merged.source,
        credentials=credentials(who, shown, _told(cluster), clock) if who else Fixed(),
        trust=_trust(cluster),
        pair=shown,
    )


def _server(cluster: Entry) -> str:
    server = cluster.text("server").rstrip("/")
    if not server:
        raise cluster.bad("server is empty: it must be the address of the API server")
    server = server if "://" in server else f"https://{server}"
    if not server.startswith(("https://", "http://")):
        raise cluster.bad(f"server is {server!r}: it must begin with https://")
    if cluster.text("proxy-url"):
        raise cluster.bad(
            "proxy-url is not supported: take it out, and reach the API server directly"
        )
    return server


def _trust(cluster: Entry) -> Trust:
    insecure = bool(cluster.tree.get("insecure-skip-tls-verify"))
    authorities = cluster.certificate("certificate-authority")
    if insecure and authorities:
        raise cluster.bad(
            "it has both insecure-skip-tls-verify and a certificate-authority: take one out"
        )
    return Trust(authorities, cluster.text("tls-server-name"), insecure)


def _told(cluster: Entry) -> Tree:
    """Return what a program that signs in may be told of the cluster."""
    tree: dict[str, Any] = cluster.tree
    names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data")
    return {name: tree[name] for name in names if name in tree}
