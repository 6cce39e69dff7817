"""A kernel of a server, driven as a browser drives it: over the REST API and a WebSocket."""

import json
import time
import uuid
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.sync.client import connect

_LATE = 2.0
"""Seconds after the end in which something may still come, where nothing has."""

_ASK_AGAIN = 3.0
"""Seconds after which a kernel that has not answered on both of its channels is asked once more."""


class Kernel:
    """One kernel; `run` returns what a cell prints."""

    def __init__(self, url: str, headers: dict[str, str], known: str = "") -> None:
        """Start one on the server at `url`, which ends with "/", or go back to a `known` one."""
        self.started = not known
        if self.started:
            made = httpx.post(f"{url}api/kernels", headers=headers, json={}, timeout=30)
            made.raise_for_status()
            known = made.json()["id"]
        self.id = known
        self.url = f"{url.replace('http', 'ws', 1)}api/kernels/{self.id}/channels"
        self.headers = headers
        self._open = connect(self.url, additional_headers=headers, open_timeout=30)

    def __enter__(self) -> Self:
        self.socket = self._open.__enter__()
        if self.started:
            self._answers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, at)

    def _answers(self, patience: float = 60) -> None:
        """Wait until the kernel answers, as pages do before they run anything.

        What a kernel prints travels apart from what it answers, and on servers of JupyterHub 2
        the first of it may be lost: the request is repeated until both have come for the same.
        """
        end = time.monotonic() + patience
        came: list[str] = []
        while time.monotonic() < end:
            call = self._send("kernel_info_request", {})
            missing = {"kernel_info_reply", "status"}
            again = time.monotonic() + _ASK_AGAIN
            while missing and (left := again - time.monotonic()) > 0:
                try:
                    message = json.loads(self.socket.recv(timeout=left))
                except TimeoutError:
                    break
                came.append(f"{message['msg_type']} {message['content'].get('execution_state')}")
                if message["parent_header"].get("msg_id") == call:
                    missing.discard(message["msg_type"])
            if not missing:
                return
        raise AssertionError(f"kernel {self.id} does not answer; came: {came}")

    def begin(self, code: str) -> str:
        """Ask for `code` to be run, and do not wait."""
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        return self._send("execute_request", content)

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        call = uuid.uuid4().hex
        header = {"msg_id": call, "msg_type": kind, "username": "", "version": "5.3"}
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
        came: list[tuple[str, str | None]] = []
        while True:
            try:
                message = json.loads(self.socket.recv(timeout=_LATE if ended else patience))
            except TimeoutError:
                assert ended, f"{code!r} has not ended; kernel {self.id} sent: {came}"
                return printed
            came.append((message["msg_type"], message["content"].get("execution_state")))
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
