"""Stylesheet, icons and modules: read once, sent with a tag, kept by browsers."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from perijove.model.errors import Unknown

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent."""

    body: bytes
    packed: bytes
    media_type: str
    tag: str


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    tag = hashlib.sha256(body).hexdigest()[:16]
    return Asset(body, gzip.compress(body, mtime=0), _TYPES[path.suffix], f'"{tag}"')


ASSETS = {path.name: _read(path) for path in sorted(FOLDER.iterdir())}
"""Read while this module is imported, before there is a loop that could be held up."""
VERSION = hashlib.sha256("".join(asset.tag for asset in ASSETS.values()).encode()).hexdigest()[:12]
"""In the address, so that a module finds the others of its own version and no old ones."""


def send(request: Request, name: str, version: str = "") -> Response:
    """Return the file called `name`.

    Raises:
        Unknown: there is none.
    """
    asset = ASSETS.get("favicon.svg" if name == "favicon.ico" else name)
    if asset is None:
        raise Unknown
    headers = {
        "cache-control": _FOREVER if version == VERSION else _ASK,
        "etag": asset.tag,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }
    if request.headers.get("if-none-match") == asset.tag:
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.body, headers=headers, media_type=asset.media_type)
    packed = headers | {"content-encoding": "gzip"}
    return Response(asset.packed, headers=packed, media_type=asset.media_type)
