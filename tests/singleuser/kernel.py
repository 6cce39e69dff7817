"""A kernel of a server, driven as a browser drives it: over the REST API and a WebSocket."""

import json
import uuid
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.sync.client import connect

_LATE = 2.0
"""Seconds after the end in which something may still come, where nothing has."""


class Kernel:
    """One kernel; `run` returns what a cell prints."""

    def __init__(self, url: str, headers: dict[str, str], known: str = "") -> None:
        """Start one on the server at `url`, which ends with "/", or go back to a `known` one."""
        if not known:
            made = httpx.post(f"{url}api/kernels", headers=headers, json={}, timeout=30)
            made.raise_for_status()
            known = made.json()["id"]
        self.id = known
        self.url = f"{url.replace('http', 'ws', 1)}api/kernels/{self.id}/channels"
        self.headers = headers
        self._open = connect(self.url, additional_headers=headers, open_timeout=30)

    def __enter__(self) -> Self:
        self.socket = self._open.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, at)

    def begin(self, code: str) -> str:
        """Ask for `code` to be run, and do not wait."""
        call = uuid.uuid4().hex
        header = {"msg_id": call, "msg_type": "execute_request", "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message: dict[str, Any] = {
            "header": {**header, "session": call, "date": "2026-01-01T00:00:00Z"},
            "parent_header": {}, "metadata": {}, "content": content, "channel": "shell",
        }  # fmt: skip
        self.socket.send(json.dumps(message))
        return call

    def run(self, code: str, patience: float = 60) -> str:
        """Run `code` and return what it prints; what it prints may come after it has ended."""
        call = self.begin(code)
        printed, ended = "", False
        while True:
            try:
                message = json.loads(self.socket.recv(timeout=_LATE if ended else patience))
            except TimeoutError:
                if ended:
                    return printed
                raise
            if message["parent_header"].get("msg_id") != call:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            if message["msg_type"] == "error":
                raise AssertionError(content["evalue"])
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                ended = True
            if ended and printed:
                return printed
