"""User: the credentials that an entry of a kubeconfig describes."""

import os
import shutil
from typing import Any

from perijove.kit.clock import Clock
from perijove.spawners.kubernetes import tls
from perijove.spawners.kubernetes.credentials import (
    Credentials,
    Fixed,
    FromProgram,
    Program,
    Shown,
    TokenFile,
    basic,
    bearer,
)
from perijove.spawners.kubernetes.entries import Entry, Tree
from perijove.spawners.kubernetes.tls import Pair

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_ANEW = "Fetch the kubeconfig anew from your cluster"


def pair(user: Entry, clock: Clock) -> Pair | None:
    """Return the certificate that `user` shows, None if it has none."""
    certificate, key = user.certificate("client-certificate"), user.pem("client-key")
    if not certificate:
        return None
    if not key:
        raise user.bad("it has a client-certificate without a client-key")
    if "PRIVATE KEY-----" not in key:
        raise user.bad(f"client-key holds no private key in PEM. {_ANEW}")
    try:
        until = tls.expires(certificate)
    except ValueError as error:
        raise user.bad(f"client-certificate cannot be read. {_ANEW}") from error
    if until <= clock():
        raise user.bad(f"its client certificate has expired on {until:%Y-%m-%d}. {_ANEW}")
    return Pair(certificate, key)


def credentials(user: Entry, shown: Pair | None, cluster: Tree, clock: Clock) -> Credentials:
    """Return who `user` is; what comes first here wins, as in kubectl."""
    if user.text("tokenFile"):
        return TokenFile(user.path(user.text("tokenFile")), shown)
    if user.text("token"):
        return Fixed(Shown(bearer(user.text("token")), shown))
    if user.text("username"):
        return Fixed(Shown(basic(user.text("username"), user.text("password")), shown))
    if user.tree.get("exec"):
        return FromProgram(_program(user, user.tree["exec"], cluster), clock)
    if user.tree.get("auth-provider"):
        raise user.bad("auth-provider is no longer part of Kubernetes: use an exec plugin")
    return Fixed(Shown("", shown))


def _program(user: Entry, tree: Any, cluster: Tree) -> Program:
    inside = Entry(user.file, f"{user.title}: exec", tree if isinstance(tree, dict) else {})
    command, version = inside.text("command"), inside.text("apiVersion")
    if not command:
        raise inside.bad("command is empty")
    if version not in _VERSIONS:
        raise inside.bad(f"apiVersion is {version!r}: it must be one of {', '.join(_VERSIONS)}")
    if inside.text("interactiveMode") == "Always":
        raise inside.bad("it wants to ask a person (interactiveMode: Always), and a hub has none")
    if os.sep in command:
        command = str(inside.path(command))
    if shutil.which(command) is None:
        hint = " ".join(inside.text("installHint").split()) or "Install it, or use another context"
        raise inside.bad(f"the program {command!r} is not here. {hint.rstrip('.')}")
    return Program(
        command=command,
        arguments=tuple(str(it) for it in inside.tree.get("args") or []),
        environment=_environment(inside),
        version=version,
        cluster=cluster if inside.tree.get("provideClusterInfo") else None,
    )


def _environment(program: Entry) -> dict[str, str]:
    try:
        pairs = program.tree.get("env") or []
        return {str(pair["name"]): str(pair["value"]) for pair in pairs}
    except (KeyError, TypeError) as error:
        raise program.bad("env must be a list of names and values") from error
