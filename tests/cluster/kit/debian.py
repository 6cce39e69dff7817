"""The base image `debian:bookworm-slim`: pulled, or made by debootstrap where nothing can be."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.cluster.kit import docker, tools
from tests.cluster.kit.places import CACHE
from tests.cluster.kit.words import Refused, run, say

IMAGE, SUITE = "debian:bookworm-slim", "bookworm"
ARCHIVE = CACHE / "debian-bookworm-slim.tar"
_SPARE = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
_NOT_IN_IT = ("proc/*", "sys/*", "dev/*", "var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*.log")


def require() -> None:
    """See to it that the daemon has the base image."""
    if docker.has(IMAGE):
        return
    if not ARCHIVE.exists():
        if _pull():
            return
        _make()
    run("docker", "import", "-c", 'CMD ["bash"]', ARCHIVE, IMAGE)


def _pull() -> bool:
    command = ["docker", "pull", "--quiet", IMAGE]
    try:
        return subprocess.run(command, capture_output=True, timeout=90, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def mirror() -> str:
    """Return where this machine has its Debian packages from; "" if it does not say."""
    lines = run("apt-get", "indextargets", "--format", "$(SITE)", check=False).splitlines()
    return next((line for line in lines if "security" not in line and "debian" in line), "")


def _make() -> None:
    if os.geteuid() != 0:
        raise Refused(f"{IMAGE} cannot be pulled, and only root can make it with debootstrap.")
    tools.require({"debootstrap": tools.IMAGES["debootstrap"]})
    began = time.monotonic()
    say(f"{IMAGE} cannot be pulled: making it with debootstrap")
    with tempfile.TemporaryDirectory(prefix="perijove-debian-") as folder:
        root = Path(folder) / "root"
        try:
            run("debootstrap", "--variant=minbase", SUITE, root, *filter(None, [mirror()]))
        finally:
            run("umount", "-q", "-R", root / "proc", root / "sys", check=False)
        _slim(root)
        _pack(root)
    say(f"  {IMAGE}: {time.monotonic() - began:.0f} s, {ARCHIVE.stat().st_size / 1e6:.0f} MB")


def _slim(root: Path) -> None:
    """Leave out pages that nobody reads in a container, also those of packages to come."""
    for folder in _SPARE:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    excluded = [f"path-exclude /{folder}/*\n" for folder in _SPARE]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(excluded))
    (root / "etc/apt/apt.conf.d/slim").write_text('Acquire::Languages "none";\n')


def _pack(root: Path) -> None:
    """Write the file whole or not at all."""
    ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
    part = ARCHIVE.with_suffix(".part")
    left_out = [f"--exclude=./{pattern}" for pattern in _NOT_IN_IT]
    run("tar", "-C", root, "--numeric-owner", *left_out, "-cf", part, ".")
    part.rename(ARCHIVE)
