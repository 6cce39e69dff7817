"""What each containerd holds: images that were loaded, and containers that must end with it."""

import json
import tarfile
from contextlib import suppress
from pathlib import Path

from tests.cluster.kit.places import HOME, socket
from tests.cluster.kit.words import Refused, run, write


def ctr(node: str, *words: str | Path, check: bool = True) -> str:
    """Return what containerd's own client printed."""
    return run("ctr", "-a", socket(node), "-n", "k8s.io", *words, check=check)


def full_name(tag: str) -> str:
    """Return what a name of an image stands for when its registry is left out."""
    first, slash, _ = tag.partition("/")
    if not slash:
        return f"docker.io/library/{tag}"
    return tag if "." in first or ":" in first else f"docker.io/{tag}"


def contents(archive: Path) -> dict[str, str]:
    """Return the images in a file of `docker save`: full name to the digest of its config."""
    try:
        with tarfile.open(archive, "r:") as tar:
            manifest = tar.extractfile("manifest.json")
            rows = json.load(manifest) if manifest else []
    except (OSError, KeyError, tarfile.TarError) as reason:
        raise Refused(f"{archive} is no file that docker save wrote: {reason}.") from None
    found = {}
    for row in rows:
        digest = row["Config"].rpartition("/")[2].removesuffix(".json")
        for tag in row["RepoTags"] or []:
            found[full_name(tag)] = digest
    return found


def load(node: str, archive: Path) -> bool:
    """Load an image on a node; return False when the very same is there already."""
    file, wanted = HOME / node / "images.json", contents(archive)
    had: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    there = set(ctr(node, "images", "ls", "-q").split())
    if all(name in there and had.get(name) == digest for name, digest in wanted.items()):
        return False
    ctr(node, "images", "import", archive)
    for name, digest in wanted.items():
        old = had.get(name, digest)
        if old != digest and old not in {had[other] for other in had if other != name}:
            # Its layers are freed; a container that runs from it keeps its own.
            ctr(node, "images", "rm", f"sha256:{old}", check=False)
    write(file, json.dumps({**had, **wanted}))
    return True


def end_containers(node: str) -> None:
    """Kill whatever runs on a node, and forget it."""
    tasks = ctr(node, "tasks", "ls", "-q", check=False).split()
    for task in tasks:
        ctr(node, "tasks", "kill", "-a", "-s", "SIGKILL", task, check=False)
    for task in tasks:
        ctr(node, "tasks", "delete", "-f", task, check=False)
    for container in ctr(node, "containers", "ls", "-q", check=False).split():
        with suppress(Refused):
            ctr(node, "containers", "rm", container)
