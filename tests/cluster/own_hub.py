"""A hub on this machine whose servers are pods: its process, its API, and its pages as text."""

import html
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.kit.places import HOST
from tests.ports import free_port

ADMINISTRATOR = "chief"
_XSRF = re.compile(r'name="_xsrf" value="([^"]+)"')
_PATIENCE = 90.0


def _client() -> httpx.Client:
    """Return a client for a crowd of threads."""
    return httpx.Client(timeout=_PATIENCE, limits=httpx.Limits(max_connections=None))


@dataclass(kw_only=True)
class Beside:
    """A hub that listens where pods can reach it; everybody signs in without a password."""

    folder: Path
    kubeconfig: Path
    namespace: str
    tree: dict[str, Any]
    port: int = field(default_factory=free_port)
    http: httpx.Client = field(default_factory=_client)
    _browsers: dict[str, httpx.Client] = field(default_factory=dict[str, httpx.Client])
    _door: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Beside"]:
        """Run it; pods that it has made stay when it ends."""
        self.folder.mkdir(parents=True)
        file = self.folder / "values.yaml"
        file.write_text(json.dumps({"hub": _HUB, **self.tree}))  # JSON is YAML
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(self._command(file), stdout=log, stderr=log)
        try:
            self._wait(process)
            yield self
        finally:
            for browser in (self.http, *self._browsers.values()):
                browser.close()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=_PATIENCE)

    def _command(self, file: Path) -> list[str]:
        where = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        here = ["--ip", "0.0.0.0", "--port", str(self.port), "--connect-url", self.url]
        command = [sys.executable, "-m", "perijove", "hub", "--spawner", "kubernetes"]
        return [*command, "-f", str(file), "--data", str(self.folder / "data"), *where, *here]

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                if self.http.get(f"{self.url}/hub/health").status_code == HTTPStatus.OK:
                    return
            except httpx.TransportError:
                pass
            alive = process.poll() is None and time.monotonic() < end
            assert alive, (self.folder / "log").read_text()
            time.sleep(0.1)

    @property
    def _token(self) -> dict[str, str]:
        token = (self.folder / "data/secrets/cli-token").read_text().strip()
        return {"authorization": f"token {token}"}

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call its API as its administrator."""
        url = f"{self.url}/hub/api{path}"
        return self.http.request(method, url, headers=self._token, json=body)

    def add(self, user: str) -> None:
        """Make an account."""
        assert self.ask("POST", f"/users/{user}").status_code == HTTPStatus.CREATED

    def start(self, user: str, profile: str) -> None:
        """Start the server of a person."""
        answer = self.ask("POST", f"/users/{user}/server", {"profile": profile})
        assert answer.status_code == HTTPStatus.ACCEPTED, answer.text

    def progress(self, user: str, language: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the events of a start as programs get them, for so many seconds."""
        headers = {**self._token, "accept-language": language}
        end = time.monotonic() + seconds
        road = f"{self.url}/hub/api/users/{user}/server/progress"
        with (
            suppress(httpx.ReadTimeout),
            self.http.stream("GET", road, headers=headers, timeout=seconds) as answer,
        ):
            assert answer.status_code == HTTPStatus.OK, answer.read()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))
                if time.monotonic() > end:
                    return

    def pages(self, user: str, reader: str, languages: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield language and text of the page about the start of `user`, as `reader` sees it."""
        browser = self._signed_in(reader)
        for language in languages:
            headers = {"accept-language": language}
            yield language, _text(browser.get(f"/hub/spawn-pending/{user}", headers=headers).text)

    def _signed_in(self, name: str) -> httpx.Client:
        """Return a browser in which `name` has signed in; once, for a crowd is asked to wait."""
        with self._door:
            if name not in self._browsers:
                browser = httpx.Client(base_url=self.url, follow_redirects=True, timeout=_PATIENCE)
                found = _XSRF.search(browser.get("/hub/login").text)
                assert found
                form = {"_xsrf": found[1], "username": name, "password": "any"}
                answer = browser.post("/hub/login", data=form)
                assert answer.status_code == HTTPStatus.OK, answer.text
                self._browsers[name] = browser
            return self._browsers[name]


_HUB = {
    "concurrentSpawnLimit": 0,
    "config": {
        "JupyterHub": {"authenticator_class": "dummy"},
        "Authenticator": {"allow_all": True, "admin_users": [ADMINISTRATOR]},
    },
}


def _text(page: str) -> str:
    """Return a page without its tags; `code` stands inside a sentence, any other between two."""
    bare = re.sub(r"<[^>]*>", " ", re.sub(r"</?code[^>]*>", "", page))
    return " ".join(html.unescape(bare).split())
