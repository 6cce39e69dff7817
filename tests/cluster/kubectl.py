"""What a test asks a cluster with: kubectl in a namespace, and manifests as plain dicts."""

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.cluster.kit.words import Refused, wait


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """`kubectl("get", "pods")`; it fails as an assertion, with what kubectl said."""

    program: Path
    config: Path
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubectl":
        """Return the same in another namespace."""
        return replace(self, namespace=namespace)

    def __call__(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """Return what it printed; with `check`, it must succeed."""
        road = [str(self.program), f"--kubeconfig={self.config}", f"--namespace={self.namespace}"]
        done = subprocess.run(
            [*road, *words], capture_output=True, text=True, input=stdin, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        """Return what it printed as JSON."""
        return json.loads(self(*words, "--output=json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        """Make these objects, or make them so."""
        self("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, objects)))

    def until(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait; after `seconds` fail with the state of the namespace."""
        try:
            wait(what, ready, seconds=seconds)
        except Refused as late:
            seen = self("get", "pods,pvc,events", "--output=wide", check=False)
            raise AssertionError(f"{late}\n{seen}") from None

    def phase(self, pod: str) -> str:
        """Return the phase of a pod; "" where there is none."""
        asked = ("get", "pod", pod, "--ignore-not-found", "--output=jsonpath={.status.phase}")
        return self(*asked)

    def wait_for_log(self, pod: str, text: str, seconds: float = 20) -> None:
        """Wait until a pod has logged a text."""
        self.until(f"{pod} says {text}", lambda: text in self("logs", pod), seconds)

    def wait_for(self, pod: str, phase: str = "Running", seconds: float = 60) -> dict[str, Any]:
        """Wait until a pod is in a phase, and return the pod."""
        self.until(f"{pod} is {phase}", lambda: self.phase(pod) == phase, seconds)
        found: dict[str, Any] = self.json("get", "pod", pod)
        return found


@contextmanager
def own_namespace(whole: Kubectl) -> Iterator[Kubectl]:
    """Yield kubectl in a new namespace, which goes with all that is in it."""
    name = f"test-{secrets.token_hex(4)}"
    whole("create", "namespace", name)
    here = whole.within(name)
    account = ("get", "serviceaccount", "default", "--ignore-not-found")
    here.until("default service account", lambda: "default" in here(*account))
    yield here
    whole("delete", "namespace", name, "--wait=false")
