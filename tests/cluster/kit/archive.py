"""Images as files: what `docker save` wrote, and the part of it that a node does not have yet.

`ctr images import` reads all of a file of Docker's, 600 MB for one changed line of ours. An image
layout of the OCI names each blob by its hash, so those that are there can be left out of it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.cluster.kit.words import Refused

OCI = "application/vnd.oci.image"
"""The beginning of the media types: github.com/opencontainers/image-spec."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One image of a file. `layers` are the names of its members, in the order of `config`."""

    names: tuple[str, ...]
    config: bytes
    layers: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The hash of its configuration, which is the image's id."""
        return hashlib.sha256(self.config).hexdigest()

    @property
    def blobs(self) -> list[tuple[str, str]]:
        """The hash of each layer with the member that holds it; Docker saves them unpacked."""
        hashes = json.loads(self.config)["rootfs"]["diff_ids"]
        bare = [digest.removeprefix("sha256:") for digest in hashes]
        return list(zip(bare, self.layers, strict=True))


def full_name(tag: str) -> str:
    """Return what a name of an image stands for when its registry is left out."""
    first, slash, _ = tag.partition("/")
    if not slash:
        return f"docker.io/library/{tag}"
    return tag if "." in first or ":" in first else f"docker.io/{tag}"


@contextmanager
def opened(file: Path) -> Iterator[tarfile.TarFile]:
    """Open a file that `docker save` wrote; anything else is refused by name."""
    try:
        with tarfile.open(file, "r:") as tar:
            tar.getmember("manifest.json")
            yield tar
    except (OSError, KeyError, tarfile.TarError) as reason:
        raise Refused(f"{file} is no file that docker save wrote: {reason}.") from None


def contents(tar: tarfile.TarFile) -> list[Saved]:
    """Return the images in it."""
    return [
        Saved(
            names=tuple(full_name(tag) for tag in row["RepoTags"] or []),
            config=_read(tar, row["Config"]),
            layers=tuple(row["Layers"]),
        )
        for row in json.loads(_read(tar, "manifest.json"))
    ]


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open a member; of layers that are the same, Docker saves all but one as links."""
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    with _member(tar, name) as found:
        return found.read()


def _size(content: IO[bytes]) -> int:
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    return size


def write_layout(
    tar: tarfile.TarFile, images: list[Saved], out: Path, had: Collection[str]
) -> None:
    """Write an image layout without the blobs of these hashes."""
    written = set(had)
    with tarfile.open(out, "w") as layout:
        index = []
        for image in images:
            for digest, member in image.blobs:
                if digest not in written:
                    written.add(digest)
                    with _member(tar, member) as layer:
                        _add(layout, f"blobs/sha256/{digest}", layer)
            manifest = json.dumps(_manifest(tar, image)).encode()
            _add(layout, f"blobs/sha256/{image.digest}", image.config)
            _add(layout, f"blobs/sha256/{hashlib.sha256(manifest).hexdigest()}", manifest)
            index += [_named(manifest, name) for name in image.names]
        _add(layout, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        whole = {"schemaVersion": 2, "manifests": index}
        _add(layout, "index.json", json.dumps(whole).encode())


def _manifest(tar: tarfile.TarFile, image: Saved) -> dict[str, Any]:
    layers = []
    for digest, member in image.blobs:
        with _member(tar, member) as layer:
            layers.append(_described("layer.v1.tar", digest, _size(layer)))
    return {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _described("config.v1+json", image.digest, len(image.config)),
        "layers": layers,
    }


def _described(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": size}


def _named(manifest: bytes, name: str) -> dict[str, Any]:
    described = _described("manifest.v1+json", hashlib.sha256(manifest).hexdigest(), len(manifest))
    return {**described, "annotations": {"io.containerd.image.name": name}}


def _add(layout: tarfile.TarFile, name: str, content: bytes | IO[bytes]) -> None:
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    about = tarfile.TarInfo(name)
    about.size = _size(stream)
    layout.addfile(about, stream)
