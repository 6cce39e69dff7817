"""A hub on this machine, with a database of its own, whose servers are pods of a cluster."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.kit.places import HOST
from tests.cluster.kubectl import Kubectl
from tests.ports import free_port


@contextmanager
def hub_beside(kubectl: Kubectl, folder: Path, values: Mapping[str, Any]) -> Iterator[httpx.Client]:
    """Yield its API as its administrator, once it answers; pods reach it by our own address."""
    file, port, data = folder / "values.yaml", free_port(), folder / "data"
    file.write_text(json.dumps(values))
    place = [f"--kubeconfig={kubectl.config}", f"--namespace={kubectl.namespace}"]
    reach = ["--ip=0.0.0.0", f"--port={port}", f"--connect-url=http://{HOST}:{port}"]
    command = [sys.executable, "-m", "perijove", "hub", "--spawner=kubernetes", *place, *reach]
    with (folder / "log").open("wb") as log:
        hub = subprocess.Popen(
            [*command, f"--data={data}", f"--file={file}"], stderr=log, env={**os.environ}
        )
    try:
        url, secret = f"http://127.0.0.1:{port}/hub/api", data / "secrets" / "cli-token"
        kubectl.until("the hub beside answers", lambda: _answers(url), 120)
        given = {"authorization": f"token {secret.read_text().strip()}"}
        with httpx.Client(base_url=url, headers=given, timeout=30) as client:
            yield client
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=10).is_success
    except httpx.TransportError:
        return False
