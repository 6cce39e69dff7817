"""A hub that answers as a test says: for what a real one does only on its worst days."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
"""Status and body; a dict is sent as JSON."""


class Desk(ThreadingHTTPServer):
    """`answers` maps method and path to what is answered; `calls` keeps what was asked."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers: dict[str, Answer] = {"GET /hub/api": (200, {"version": "6.1.1"})}
        self.people: dict[str, dict[str, Any]] = {}
        """Token -> user model."""
        self.calls: list[tuple[str, str, Any]] = []
        """Method and path, the token it came with, the body."""

    def asked(self, what: str) -> list[Any]:
        return [body for call, _, body in self.calls if call == what]

    def answer(self, what: str, token: str) -> Answer:
        if what in self.answers:
            return self.answers[what]
        if what == "GET /hub/api/user":
            return (200, self.people[token]) if token in self.people else (403, {"status": 403})
        return 200, ""


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("Authorization", "").removeprefix("token ")
        what = f"{self.command} {self.path.partition('?')[0]}"
        said = body.decode()
        kind = self.headers.get("Content-Type", "")
        self.server.calls.append((what, token, json.loads(said) if "json" in kind else said))
        status, answer = self.server.answer(what, token)
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `calls` tells."""


@contextmanager
def open_desk(port: int = 0) -> Iterator[Desk]:
    with Desk(port) as desk:
        thread = threading.Thread(target=desk.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield desk
        finally:
            desk.shutdown()
            thread.join()
