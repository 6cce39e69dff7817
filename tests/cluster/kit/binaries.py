"""The programs of the cluster, built from Go modules into a folder that outlives the clone.

`k8s.io/kubernetes` cannot be installed by `go install`: its go.mod replaces its staging modules
by folders. So a module of our own requires it, and replaces each staging module `k8s.io/X` by the
version that is published of it, v0.MINOR.PATCH.
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.cluster.kit import go
from tests.cluster.kit.places import BIN, KUBERNETES
from tests.cluster.kit.words import Refused, run, say, write

MODULE = "k8s.io/kubernetes"
KUBERNETES_COMMANDS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
COMPANIONS = (
    "github.com/coredns/coredns@v1.14.7",
    "github.com/rancher/local-path-provisioner@v0.0.30",
    "sigs.k8s.io/kwok/cmd/kwok@v0.7.0",
    "helm.sh/helm/v3/cmd/helm@v3.21.4",
    "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1",
)


def name(companion: str) -> str:
    """Return what the command of a module (`host/path@version`) is called."""
    return companion.partition("@")[0].rpartition("/")[2]


ORIGIN = {
    **dict.fromkeys(KUBERNETES_COMMANDS, f"{MODULE}@v{KUBERNETES}"),
    **{name(companion): companion for companion in COMPANIONS},
}
"""Which module and version each binary must be of."""


def _stamp(binary: Path) -> str:
    return f"{ORIGIN[binary.name]} {binary.stat().st_size}\n"


def whole(command: str) -> bool:
    """Return whether a binary is here, whole, and of the version we want: its stamp says so."""
    binary, stamp = BIN / command, BIN / f"{command}.stamp"
    return binary.exists() and stamp.exists() and stamp.read_text() == _stamp(binary)


def missing() -> list[str]:
    """Return the binaries that `build` would make."""
    return [command for command in ORIGIN if not whole(command)]


def require() -> None:
    """Refuse where a binary has not been built."""
    lost = missing()
    if lost:
        raise Refused(
            f"Not built yet: {', '.join(lost)}. Build them once, in about ten minutes:"
            " python -m tests.cluster.kit build"
        )


def build() -> None:
    """Build what is not here; what was built before an interruption is kept."""
    BIN.mkdir(parents=True, exist_ok=True)
    with (BIN / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second one waits, and finds all of it done
        if missing():
            _build(missing())
    say(f"every binary is in {BIN}")


def _build(lost: list[str]) -> None:
    compiler = go.command()
    say(f"building into {BIN} with {compiler}")
    for left in BIN.glob(".build-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=BIN) as work:
        commands = [command for command in KUBERNETES_COMMANDS if command in lost]
        if commands:
            _build_kubernetes(compiler, Path(work), commands)
        for companion in COMPANIONS:
            if name(companion) in lost:
                _build_companion(compiler, Path(work), companion)


def _keep(binary: Path) -> None:
    """Move a finished binary to its place, and only then say that it is whole."""
    place = BIN / binary.name
    (BIN / f"{binary.name}.stamp").unlink(missing_ok=True)
    binary.rename(place)
    write(BIN / f"{binary.name}.stamp", _stamp(place))


def _environment(work: Path, flags: str) -> dict[str, str]:
    out = {"CGO_ENABLED": "0", "GOFLAGS": flags, "GOBIN": str(work / "out"), "GOWORK": "off"}
    return {**out, "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto")}


def _build_companion(compiler: Path, work: Path, companion: str) -> None:
    began = time.monotonic()
    environment = _environment(work, "")
    run(compiler, "install", "-trimpath", "-ldflags", "-s -w", companion, env=environment)
    _keep(work / "out" / name(companion))
    say(f"  {companion}: {time.monotonic() - began:.0f} s")


def _build_kubernetes(compiler: Path, work: Path, commands: list[str]) -> None:
    began = time.monotonic()
    module, out = work / "module", work / "kubernetes"
    environment = _environment(work, "-mod=mod")
    _write_module(compiler, module, environment)
    version = f"gitVersion=v{KUBERNETES}"
    flags = " ".join(
        ["-s -w", *(f"-X k8s.io/{it}/version.{version}" for it in ("component-base", "client-go"))]
    )
    wanted = [f"{MODULE}/cmd/{command}" for command in commands]
    build = (compiler, "build", "-trimpath", "-ldflags", flags, "-o", f"{out}/")
    out.mkdir()
    run(*build, *wanted, cwd=module, env=environment)
    for command in commands:
        _keep(out / command)
    shutil.rmtree(module)
    say(f"  kubernetes {KUBERNETES}: {time.monotonic() - began:.0f} s")


def _write_module(compiler: Path, module: Path, environment: dict[str, str]) -> None:
    """Make the module of our own that requires Kubernetes."""
    head = f"module perijove.test/cluster\n\ngo 1.24.0\n\nrequire {MODULE} v{KUBERNETES}\n"
    write(module / "go.mod", head)
    download = (compiler, "mod", "download", "-json", f"{MODULE}@v{KUBERNETES}")
    theirs = Path(json.loads(run(*download, cwd=module, env=environment))["GoMod"]).read_text()
    staging = {line.split()[0] for line in theirs.splitlines() if "=> ./staging/src/" in line}
    published = f"v0.{KUBERNETES.removeprefix('1.')}"
    replaces = [f"replace {it} => {it} {published}\n" for it in sorted(staging)]
    write(module / "go.mod", head + "".join(replaces))
    imports = "".join(f'\t_ "{MODULE}/cmd/{command}"\n' for command in KUBERNETES_COMMANDS)
    write(
        module / "tools.go",
        f"//go:build tools\n\npackage cluster\n\nimport (\n{imports})\n",
    )
    run(compiler, "mod", "tidy", cwd=module, env=environment)
