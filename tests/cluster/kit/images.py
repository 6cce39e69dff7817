"""Our images: built with Docker from our Dockerfiles, kept as files by the hash of their input."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.kit import debian, docker
from tests.cluster.kit.places import CACHE
from tests.cluster.kit.words import Refused, run, say

ROOT = Path(__file__).parents[3]
PLACE = CACHE / "images"
_PACKAGE = ("pyproject.toml", "README.md", "LICENSE", "src", "requirements/uv.txt")
AUTHORITIES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables that may name extra authorities; the first that is set is handed to the build."""
HANDED = ("PIP_INDEX_URL",)
OLDER = 3
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image: its Dockerfile and what that copies, all relative to the root of the clone."""

    tag: str
    folder: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name without the tag."""
        return self.tag.partition(":")[0]


HUB = Image(
    tag="perijove-hub:dev",
    folder="deploy/images/hub",
    needs=(*_PACKAGE, "requirements/hub.txt"),
)
SINGLEUSER = Image(
    tag="perijove-singleuser:dev",
    folder="deploy/images/singleuser",
    needs=(*_PACKAGE, "requirements/run.txt"),
)
REFERENCE = Image(
    tag="perijove-test-reference:dev",
    folder="tests/cluster/images/reference",
    needs=("requirements/uv.txt", "requirements/dev.txt"),
)
STUB = Image(
    tag="perijove-test-stub:dev",
    folder="tests/cluster/images/stub",
    needs=("tests/cluster/images/stub/server.py",),
)
ALL = {image.name: image for image in (HUB, SINGLEUSER, REFERENCE, STUB)}


def chosen(names: list[str]) -> list[Image]:
    """Return the images of these names (with or without a tag), all of them for no name."""
    plain = [name.partition(":")[0] for name in names]
    unknown = [name for name in plain if name not in ALL]
    if unknown:
        raise Refused(f"There is no image {', '.join(unknown)}: choose from {', '.join(ALL)}.")
    return [ALL[name] for name in plain] or list(ALL.values())


def _files(image: Image) -> Iterator[Path]:
    for needed in (*image.needs, f"{image.folder}/Dockerfile"):
        path = ROOT / needed
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def key(image: Image) -> str:
    """Return the hash of all that the image is made from, but the base image."""
    hashed = hashlib.sha256()
    for file in _files(image):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        hashed.update(f"{file.relative_to(ROOT)} {content}\n".encode())
    return hashed.hexdigest()[:16]


def archive(image: Image) -> Path:
    """Return where the image is kept as a file, whether it is there or not."""
    return PLACE / f"{image.name}-{key(image)}.tar"


def build(images: list[Image]) -> list[Path]:
    """Build images, tag them, keep each as a file, and print sizes and seconds."""
    docker.require()
    debian.require()
    return [_build(image) for image in images]


def ready(images: list[Image]) -> list[Path]:
    """Return the images as files, built only where their input has changed since."""
    late = [image for image in images if not archive(image).exists()]
    if late:
        build(late)
    return [archive(image) for image in images]


def _build(image: Image) -> Path:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perijove-image-") as folder:
        context = Path(folder)
        for file in _files(image):
            copy = context / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        _authorities(context)
        _docker_build(image, context)
    seconds = time.monotonic() - began
    kept = _keep(image)
    say(f"{image.tag}: {docker.size(image.tag) / 1e6:.0f} MB, built in {seconds:.1f} s ({kept})")
    return kept


def _authorities(context: Path) -> None:
    named = next((os.environ[it] for it in AUTHORITIES if os.environ.get(it)), "")
    if named and Path(named).is_file():
        shutil.copy(named, context / "certificates.pem")


def _docker_build(image: Image, context: Path) -> None:
    given = [name for name in (*HANDED, *PROXIES) if os.environ.get(name)]
    arguments = [word for name in given for word in ("--build-arg", name)]
    command = ["docker", "build", "--network=host", "--tag", image.tag, *arguments]
    command += ["--build-arg", f"BASE={debian.IMAGE}", "--file", f"{image.folder}/Dockerfile", "."]
    done = subprocess.run(
        command,
        cwd=context,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"{image.tag} cannot be built:\n{done.stdout[-6000:]}")


def _keep(image: Image) -> Path:
    """Save the image under its key, and keep few older ones: other clones may want them."""
    PLACE.mkdir(parents=True, exist_ok=True)
    kept = archive(image)
    part = kept.with_suffix(".part")
    run("docker", "save", "--output", part, image.tag)
    part.rename(kept)
    files = PLACE.glob(f"{image.name}-????????????????.tar")
    for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-OLDER]:
        old.unlink()
    return kept
