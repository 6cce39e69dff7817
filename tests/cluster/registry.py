"""A registry of images that is as broken as a test wants: a thread, plain HTTP, on this machine.

The first part of a repository's name says what is wrong with it: `missing/any`, `denied/any`,
`private/any`, `slow/any`, `foreign/any`.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_SIZE = 1 << 20
"""Of the layer that never ends."""


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _stored(tree: dict[str, Any]) -> bytes:
    return json.dumps(tree).encode()


LAYER = f"sha256:{'0' * 64}"
CONFIG = _stored(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [LAYER]},
    }
)
SLOW = _stored(
    {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": _digest(CONFIG), "size": len(CONFIG)},
        "layers": [{"mediaType": _LAYER, "digest": LAYER, "size": _SIZE}],
    }
)
FOREIGN = _stored(
    {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            {
                "mediaType": _MANIFEST,
                "digest": LAYER,
                "size": 100,
                "platform": {"architecture": "s390x", "os": "linux"},
            }
        ],
    }
)
_KNOWN = {"slow": (SLOW, _MANIFEST), "foreign": (FOREIGN, _INDEX)}


class Registry(ThreadingHTTPServer):
    """It serves until `over`; whoever still waits for a layer is let go."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Answer)
        self.over = threading.Event()

    def image(self, name: str) -> str:
        """Return what a pod calls an image of this registry."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}/{name}"


class _Answer(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        road = self.path.partition("?")[0].strip("/").split("/")
        repository = road[1] if len(road) > 1 else ""
        if road[0] == "token":
            self._error(401, "UNAUTHORIZED", "who are you?")
        elif repository == "denied":
            self._error(403, "DENIED", "requested access to the resource is denied")
        elif repository == "private":
            here = f"http://{self.headers['host']}/token"
            shown = ("www-authenticate", f'Bearer realm="{here}",service="registry"')
            self._error(401, "UNAUTHORIZED", "authentication required", shown)
        elif repository in _KNOWN and "manifests" in road:
            self._send(200, *_KNOWN[repository], ("docker-content-digest", self._named(repository)))
        elif road[-1] == _digest(CONFIG):
            self._send(200, CONFIG, _CONFIG)
        elif road[-1] == LAYER:
            self._drip()
        else:
            self._error(404, "MANIFEST_UNKNOWN", "manifest unknown")

    def _named(self, repository: str) -> str:
        return _digest(_KNOWN[repository][0])

    def _error(self, status: int, code: str, words: str, *headers: tuple[str, str]) -> None:
        body = _stored({"errors": [{"code": code, "message": words}]})
        self._send(status, body, "application/json", *headers)

    def _send(self, status: int, body: bytes, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-type", kind), *headers):
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drip(self) -> None:
        """Send a byte now and then, so that nobody gives up, and never all of them."""
        self.send_response(200)
        self.send_header("content-type", _LAYER)
        self.send_header("content-length", str(_SIZE))
        self.end_headers()
        with suppress(OSError):
            while self.command != "HEAD" and not self.server.over.wait(0.5):
                self.wfile.write(b"\0")
                self.wfile.flush()


@contextmanager
def registry(at: str) -> Iterator[Registry]:
    """Yield a registry at `host:port`."""
    host, _, port = at.partition(":")
    it = Registry((host, int(port)))
    thread = threading.Thread(target=it.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield it
    finally:
        it.over.set()
        it.shutdown()
        thread.join()
        it.server_close()
