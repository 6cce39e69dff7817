"""jupyterhub-idle-culler 2.0.0, unmodified, on a hub of ours with servers that run: hub.md 6.5."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import python
from tests.e2e.box import Up, until

TOKEN = "of-the-culler-and-of-nobody-else"
IDLE = 6
SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
PEOPLE = ["ada", "bob", "cleo", "dan", "eve"]


class Box(Up):
    """A platform with a culler's service, which is told where the hub is."""

    def __init__(self, folder: Path) -> None:
        role = {"scopes": [*SCOPES, "admin:users"], "services": ["culler"]}
        hub = {
            "allowNamedServers": True,
            "config": {
                "JupyterHub": {"authenticator_class": "dummy"},
                "Authenticator": {"allow_all": True},
            },
            "services": {"culler": {"apiToken": TOKEN}},
            "loadRoles": {"culler": role},
        }
        super().__init__(folder, hub=hub, cull={"enabled": False})

    @contextmanager
    def culling(self, *options: str) -> Iterator[Path]:
        """Run the culler; yield its log."""
        port = json.loads((self.data / "ports.json").read_text())["hub"]
        url = f"http://127.0.0.1:{port}/hub/api"
        log = self.folder / "culler"
        command = [str(python("culler")), "-m", "jupyterhub_idle_culler", f"--url={url}"]
        usual = [f"--timeout={IDLE}", "--cull-every=1"]
        with (
            log.open("wb") as out,
            subprocess.Popen(
                [*command, *usual, *options],
                env={"JUPYTERHUB_API_TOKEN": TOKEN},
                stdout=out,
                stderr=out,
            ) as culler,
        ):
            try:
                yield log
                assert culler.poll() is None, log.read_text()
            finally:
                culler.terminate()

    def run(self, user: str, name: str = "") -> None:
        self.hub("POST", f"/users/{user}")
        path = f"/users/{user}/servers/{name}" if name else f"/users/{user}/server"
        status, answer = self.hub("POST", path)
        assert status in {201, 202}, answer
        until(lambda: self.servers(user).get(name, {}).get("ready"), f"{user}/{name} runs")

    def servers(self, user: str) -> dict[str, Any]:
        status, answer = self.hub("GET", f"/users/{user}?include_stopped_servers=1")
        assert status == 200, answer
        found: dict[str, Any] = answer["servers"]
        return found

    def work(self, user: str) -> None:
        """Say that the default server of `user` is in use, as it would itself."""
        now = datetime.now(UTC).isoformat()
        said = {"last_activity": now, "servers": {"": {"last_activity": now}}}
        assert self.hub("POST", f"/users/{user}/activity", said)[0] == 200

    def running(self) -> set[str]:
        status, users = self.hub("GET", "/users?state=active")
        assert status == 200
        return {f"{it['name']}/{name}" for it in users for name in it["servers"]}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    it = Box(tmp_path)
    try:
        it.start()
        yield it
        assert it.stop() == 0
    finally:
        it.end()


def test_it_pages_through_all_servers_and_stops_those_that_nobody_uses(box: Box) -> None:
    for person in PEOPLE:
        box.run(person)
    box.run("ada", "lab2")
    with box.culling("--api-page-size=2") as log:

        def only_bob_is_left() -> bool:
            box.work("bob")
            return box.running() == {"bob/"}

        until(only_bob_is_left, "the idle ones are stopped")
        for _ in range(IDLE * 5):
            assert only_bob_is_left()
            time.sleep(0.2)
    said = log.read_text()
    assert "Fetching page 3 http://127.0.0.1" in said, said[-3000:]
    assert "is slow to stop" in said, "it was told 202, and looked again"
    assert "Traceback" not in said, said[-3000:]
    assert box.servers("ada")["lab2"]["stopped"] is True, "it is stopped, and kept"

    box.run("cleo", "lab2")
    with box.culling("--remove-named-servers=True"):
        until(lambda: "lab2" not in box.servers("cleo"), "it is removed")
    with box.culling("--cull-users=True") as log:
        until(lambda: box.hub("GET", "/users")[1] == [], "everybody idle is gone")
    assert "Culling user ada" in log.read_text()
