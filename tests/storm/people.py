"""People of the soak: each starts a server, works, stops it or leaves it, and begins again."""

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.box import Up

AWAY = {0, 502, 503}
"""What is answered while the hub or the proxy is dead."""
_PATIENCE = 90.0


@dataclass
class Crowd:
    """All of them, and what they have met."""

    up: Up
    over: threading.Event = field(default_factory=threading.Event)
    met: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def person(self, name: str) -> threading.Thread:
        thread = threading.Thread(target=Person(self, name).live, name=name, daemon=True)
        thread.start()
        return thread


class Person:
    """One of them; `lab…` has a kernel to work with."""

    def __init__(self, crowd: Crowd, name: str) -> None:
        self.crowd, self.name = crowd, name
        self.random = random.Random(name)
        self.token = ""

    def live(self) -> None:
        try:
            while not self.crowd.over.is_set():
                self._day()
        except Exception as error:  # a thread that ends without a word would look like success
            self.crowd.wrong.append(f"{self.name}: {type(error).__name__}: {error}")
            raise

    def _day(self) -> None:
        if not self._start():
            return
        end = time.monotonic() + self.random.uniform(0, 6)
        while time.monotonic() < end and not self.crowd.over.is_set():
            if not self._work():
                return
            self.crowd.over.wait(0.3)
        if self.random.random() < 0.5:
            self._stop()
        else:
            self._leave()

    def _start(self) -> bool:
        """Have it started; False if the soak is over."""
        end = time.monotonic() + _PATIENCE
        while not self.crowd.over.is_set():
            status, told = self._hub("POST", f"/users/{self.name}/server")
            if status not in {201, 202, 400, 429, *AWAY}:
                self._complain(f"POST server: {status} {told}")
            shown = self._shown()
            if shown.get("ready"):
                self.crowd.met["started"] += 1
                return True
            if time.monotonic() > end:
                self._complain(f"not ready in {_PATIENCE:.0f} s: {status} {told} {shown}")
                return False
            self.crowd.over.wait(0.2)
        return False

    def _work(self) -> bool:
        """Use the server; False when it runs no longer."""
        if self.name.startswith("lab"):
            status = self._compute()
        else:
            status, _ = self.crowd.up.ask("POST", f"/user/{self.name}/api")
        if status == 424:
            self.crowd.met["stopped"] += 1
            shown = self._shown()
            if shown.get("ready"):
                self._complain(f"424, and it runs: {shown}")
            return False
        if status not in {200, 201, *AWAY}:
            self._complain(f"working: {status}")
        self.crowd.met["worked" if status in {200, 201} else "away"] += 1
        return True

    def _compute(self) -> int:
        if not self.token:
            _, made = self._hub("POST", f"/users/{self.name}/tokens", {"note": "soak"})
            self.token = (made or {}).get("token", "")
        url = f"http://127.0.0.1:{self.crowd.up.public}/user/{self.name}/api/kernels"
        headers = {"Authorization": f"token {self.token}"}
        try:
            return httpx.post(url, headers=headers, json={}, timeout=30).status_code
        except httpx.HTTPError:
            return 0

    def _stop(self) -> None:
        status, told = self._hub("DELETE", f"/users/{self.name}/server")
        if status not in {202, 204, 400, *AWAY}:
            self._complain(f"DELETE server: {status} {told}")
        self._wait_for_the_end("asked")

    def _leave(self) -> None:
        """Go home; the hub stops what nobody uses."""
        self._wait_for_the_end("left")

    def _wait_for_the_end(self, why: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not self.crowd.over.is_set():
            status, told = self._hub("GET", f"/users/{self.name}/server")
            if status == 200 and told["stopped"]:
                self.crowd.met[f"{why}: {told['reason']}"] += 1
                return
            if status == 200 and why == "asked":
                self._hub("DELETE", f"/users/{self.name}/server")
            if time.monotonic() > end:
                self._complain(f"{why}, and still there after {_PATIENCE:.0f} s: {told}")
                return
            self.crowd.over.wait(0.5)

    def _shown(self) -> dict[str, Any]:
        status, told = self._hub("GET", f"/users/{self.name}/server")
        return told if status == 200 else {}

    def _hub(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        token = (self.crowd.up.data / "secrets" / "cli-token").read_text().strip()
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        status, answer = self.crowd.up.ask(method, f"/hub/api{path}", headers, sent)
        if status in AWAY or not answer:  # the proxy says so in its own words
            return status, {}
        return status, json.loads(answer)

    def _complain(self, what: str) -> None:
        self.crowd.wrong.append(f"{time.strftime('%H:%M:%S')} {self.name}: {what}")
