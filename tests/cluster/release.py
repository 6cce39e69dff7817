"""A helm release of our chart: its address, its API as the administrator, its people's pods."""

import base64
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from perijove.kit.merged import merged
from tests.chart.helm import CHART, helm
from tests.cluster.kubectl import Kubectl

HUB, _, _TAG = os.environ.get("PERIJOVE_TEST_HUB", "perijove-hub:dev").partition(":")
"""The image of the hub: another one where several clones share a cluster."""
_PULL = {"pullPolicy": "IfNotPresent"}
VALUES: dict[str, Any] = {
    "hub": {
        "image": {"name": HUB, "tag": _TAG, **_PULL},
        "config": {"Authenticator": {"allow_all": True}},
    },
    "proxy": {"service": {"type": "NodePort"}},
    "singleuser": {
        "image": {"name": "perijove-singleuser", "tag": "dev", **_PULL},
        "memory": {"guarantee": "64M"},
        "storage": {"capacity": "10Mi"},
    },
}
STUB: dict[str, Any] = {"singleuser": {"image": {"name": "perijove-test-stub"}}}
"""Servers that are up in a moment and answer to everything with JSON."""
_PATIENCE = 240.0
"""Seconds for what takes a tenth of it on a machine that has nothing else to do."""


@dataclass(kw_only=True)
class Release:
    """One release; `kubectl` is in its namespace."""

    kubectl: Kubectl
    name: str = "lab"
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: str = ""
    """What helm said last."""

    def install(self) -> None:
        """Install it, and wait until it answers."""
        self._helm("install", self.values)
        self.until_answers()

    def upgrade(self, values: Mapping[str, Any]) -> None:
        """Change these values, and wait until the pods that want them are there."""
        self.values = merged(self.values, values)
        self._helm("upgrade", self.values)
        self.until_answers()

    def uninstall(self) -> str:
        """Uninstall it, and return what helm said; its pods may still be on their way out."""
        self._forget()
        return self._run("uninstall", self.name)

    def until_answers(self) -> None:
        """Wait until hub and proxy are what was asked for, and answer together."""
        self._forget()
        deployments = ("deployment/hub", "deployment/proxy")
        self.kubectl("rollout", "status", f"--timeout={_PATIENCE:.0f}s", *deployments)
        self.kubectl.until("the hub answers through the proxy", self._answers, _PATIENCE)

    @cached_property
    def url(self) -> str:
        """Where people come in: a port of a node."""
        service = self.kubectl.json("get", "service", "proxy-public")
        port = next(it["nodePort"] for it in service["spec"]["ports"] if it["name"] == "http")
        nodes = self.kubectl.json("get", "nodes", "--selector=type!=kwok")["items"]
        return f"http://{nodes[0]['status']['addresses'][0]['address']}:{port}"

    @cached_property
    def admin(self) -> httpx.Client:
        """The API, `admin.get("/users")`, with the token of the release's administrator."""
        secret = self.kubectl.json("get", "secret", "hub")["data"]["perijove.cli-token"]
        given = {"authorization": f"token {base64.b64decode(secret).decode()}"}
        return httpx.Client(base_url=f"{self.url}/hub/api", headers=given, timeout=30)

    def person(self, user: str) -> httpx.Client:
        """Make sure of a person; return a client at `url` with a token of theirs."""
        self.add(user)
        made = self.admin.post(f"{_user(user)}/tokens", json={"note": "test"})
        assert made.status_code == HTTPStatus.CREATED, made.text
        given = {"authorization": f"token {made.json()['token']}"}
        return httpx.Client(base_url=self.url, headers=given, timeout=30)

    def add(self, user: str) -> None:
        """Make sure of a person."""
        made = self.admin.post(_user(user))
        assert made.status_code in {HTTPStatus.CREATED, HTTPStatus.CONFLICT}, made.text

    def start(self, user: str, options: Mapping[str, Any] | None = None, server: str = "") -> None:
        """Make sure of a person, and ask for a server of theirs; do not wait."""
        self.add(user)
        asked = self.admin.post(_server(user, server), json=dict(options or {}))
        assert asked.status_code == HTTPStatus.ACCEPTED, asked.text

    def stop(self, user: str, server: str = "") -> None:
        """Ask for its end, and wait until it has stopped."""
        asked = self.admin.delete(_server(user, server))
        assert asked.status_code in {HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT}, asked.text
        stopped = f"{user}'s server has stopped"
        self.kubectl.until(stopped, lambda: self.server(user, server)["stopped"], _PATIENCE)

    def server(self, user: str, server: str = "") -> dict[str, Any]:
        """Return what the API shows of a server."""
        shown = self.admin.get(_server(user, server))
        assert shown.status_code == HTTPStatus.OK, shown.text
        found: dict[str, Any] = shown.json()
        return found

    def until_ready(
        self, user: str, server: str = "", seconds: float = _PATIENCE
    ) -> dict[str, Any]:
        """Wait until a server runs and a route leads there; return its pod; fail if it fails."""
        whose = f"{user}'s server"
        self.kubectl.until(f"{whose} is ready", lambda: self._ready(user, server), seconds)
        self.kubectl.until(f"a route to {whose}", lambda: self.reaches(user, server), seconds)
        return self.pod(user, server)

    def until_failed(self, user: str, server: str = "", seconds: float = _PATIENCE) -> str:
        """Wait until a start has failed, and return the code of the reason."""
        self.kubectl.until(
            f"{user}'s server has failed",
            lambda: self.server(user, server)["reason"] is not None,
            seconds,
        )
        return str(self.server(user, server)["reason"])

    def reaches(self, user: str, server: str = "") -> bool:
        """Return whether the proxy leads to a server, as anybody sees without a cookie."""
        path = f"/user/{quote(user)}/{f'{quote(server)}/' if server else ''}api"
        try:
            answer = httpx.get(f"{self.url}{path}", timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == HTTPStatus.OK

    def pod(self, user: str, server: str = "") -> dict[str, Any]:
        """Return the pod of a server."""
        found = self.find_pod(user, server)
        assert found is not None, f"{user} has no pod"
        return found

    def find_pod(self, user: str, server: str = "") -> dict[str, Any] | None:
        """Return the pod of a server, None if there is none."""
        name = self.server(user, server)["state"]["workload"]
        shown = self.kubectl("get", "pod", name, "--ignore-not-found", "--output=json")
        return json.loads(shown) if shown else None

    def uid(self, user: str, server: str = "") -> str:
        """Return which pod it is: another one of the same name has another."""
        return str(self.pod(user, server)["metadata"]["uid"])

    def hub_log(self, *words: str) -> str:
        """Return what the hub has logged; `--previous`: what the container before it has."""
        return self.kubectl("logs", "deployment/hub", *words)

    def _answers(self) -> bool:
        try:
            return self.admin.get("/health").status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def _ready(self, user: str, server: str) -> bool:
        try:
            shown = self.server(user, server)
        except httpx.TransportError:  # hubs are killed in some tests
            return False
        assert shown["reason"] is None or not shown["stopped"], shown
        return bool(shown["ready"])

    def _helm(self, verb: str, values: Mapping[str, Any]) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(values, file)
            file.flush()
            given = ("--values", file.name) if values else ()
            self.notes = self._run(verb, self.name, str(CHART), *given)

    def _run(self, *words: str) -> str:
        space = self.kubectl.namespace
        place = (f"--kubeconfig={self.kubectl.config}", f"--namespace={space}")
        done = helm(*words, *place)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def _forget(self) -> None:
        """Look up again where it is, and what its tokens are."""
        if "admin" in self.__dict__:
            self.admin.close()
        for known in ("url", "admin"):
            self.__dict__.pop(known, None)


@contextmanager
def installed(kubectl: Kubectl, *values: Mapping[str, Any], name: str = "lab") -> Iterator[Release]:
    """Yield a release with our images and `values`; then take away the objects of no namespace."""
    given: dict[str, Any] = VALUES
    for more in values:
        given = merged(given, more)
    it = Release(kubectl=kubectl, name=name, values=given)
    try:
        it.install()
        yield it
    except BaseException:
        print(it.kubectl("logs", "deployment/hub", "--tail=60", check=False))  # noqa: T201 - shown only by a test that fails
        raise
    finally:
        it._forget()
        helm("uninstall", name, f"--kubeconfig={kubectl.config}", f"-n{kubectl.namespace}")


def _user(user: str) -> str:
    return f"/users/{quote(user, safe='')}"


def _server(user: str, server: str) -> str:
    return f"{_user(user)}/servers/{quote(server, safe='')}" if server else f"{_user(user)}/server"
