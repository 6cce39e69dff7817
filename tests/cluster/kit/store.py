"""What each containerd holds: images that were loaded, and containers that must end with it."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from tarfile import TarFile

from tests.cluster.kit import archive
from tests.cluster.kit.places import HOME, socket
from tests.cluster.kit.words import Refused, run, write


def ctr(node: str, *words: str | Path, check: bool = True) -> str:
    """Return what containerd's own client printed."""
    return run("ctr", "-a", socket(node), "-n", "k8s.io", *words, check=check)


def load(node: str, file: Path) -> bool:
    """Load the images of a file on a node; return False when the very same are there already."""
    known = HOME / node / "images.json"
    had: dict[str, str] = json.loads(known.read_text()) if known.exists() else {}
    with archive.opened(file) as tar:
        images = archive.contents(tar)
        wanted = {name: image.digest for image in images for name in image.names}
        there = set(ctr(node, "images", "ls", "-q").split())
        if all(name in there and had.get(name) == it for name, it in wanted.items()):
            return False
        blobs = {it.removeprefix("sha256:") for it in ctr(node, "content", "ls", "-q").split()}
        try:
            _import(node, tar, images, blobs)
        except Refused:  # one that was there has been freed meanwhile
            _import(node, tar, images, set())
    _forget(node, {had[name] for name in wanted if name in had} - set(wanted.values()))
    write(known, json.dumps({**had, **wanted}))
    return True


def _import(node: str, tar: TarFile, images: list[archive.Saved], had: set[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="perijove-load-") as folder:
        layout = Path(folder) / "layout.tar"
        archive.write_layout(tar, images, layout, had)
        ctr(node, "images", "import", layout)


def _forget(node: str, digests: set[str]) -> None:
    """Let what a name stood for before be freed; a container that runs from it keeps its own."""
    for digest in digests:
        ctr(node, "images", "rm", f"sha256:{digest}", check=False)


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
