"""The one image that the cluster itself needs: a static program, packed as Docker saves images."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from tests.cluster.kit.places import HOME
from tests.cluster.kit.words import run

SOURCE = Path(__file__).with_name("tiny.c")
IMAGE = "perijove.test/tiny:1"
COMMAND = "/tiny"


def archive() -> Path:
    """Return the image as a file, made when its source is newer."""
    out = HOME / "tiny.tar"
    if out.exists() and out.stat().st_mtime > SOURCE.stat().st_mtime:
        return out
    HOME.mkdir(parents=True, exist_ok=True)
    program = HOME / "tiny"
    run("cc", "-Os", "-static", "-s", "-Wall", "-o", program, SOURCE)
    layer = _tar({COMMAND.strip("/"): program.read_bytes()}, mode=0o755)
    config = json.dumps(_config(hashlib.sha256(layer).hexdigest())).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    files = {name: config, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    out.write_bytes(_tar(files, mode=0o644))
    return out


def _config(layer: str) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [COMMAND], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), mode
            archive.addfile(about, io.BytesIO(content))
    return out.getvalue()
