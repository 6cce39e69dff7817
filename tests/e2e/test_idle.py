"""Servers that nobody uses, for real: our culler on all kinds of servers, and the old culler."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.box import until
from tests.singleuser.box import Box
from tests.singleuser.kernel import Kernel
from tests.singleuser.older import command
from tests.singleuser.server import COMMANDS

TOKEN = "a-token-for-the-old-culler"
ROLE = {
    "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    "services": ["old-culler"],
}
"""What Zero-to-JupyterHub gives it."""


@contextmanager
def box(folder: Path, kind: str, **tree: Any) -> Iterator[Box]:
    sign_in = {"JupyterHub": {"authenticator_class": "dummy"}, "Authenticator": {"allow_all": True}}
    hub = {"config": sign_in, **tree.pop("hub", {})}
    known = {"singleuser": {"cmd": COMMANDS.get(kind) or command(kind)}, **tree}
    it = Box(folder, hub=hub, **known)
    try:
        it.start()
        for person in ("ada", "bob"):
            assert it.hub("POST", f"/users/{person}")[0] == 201
            it.run_server(person)
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def computes(it: Box, headers: dict[str, str]) -> bool:
    kernels = httpx.get(it.url("/user/bob/api/kernels"), headers=headers).json()
    return [kernel["execution_state"] for kernel in kernels] == ["busy"]


def cull(it: Box, **how: float) -> None:
    """Go by this from now on."""
    tree = json.loads(it.file.read_text())
    it.file.write_text(json.dumps({**tree, "cull": how}))
    subprocess.run(
        [sys.executable, "-m", "perijove", "reload", "--data", str(it.data)], check=True, timeout=60
    )


@pytest.mark.parametrize("kind", [*COMMANDS, "2.3.1"])
def test_what_computes_is_kept_and_an_open_tab_is_not(tmp_path: Path, kind: str) -> None:
    with box(tmp_path, kind, cull={"enabled": False}) as it:
        headers = {"Authorization": f"token {it.token('bob')}"}
        with Kernel(it.url("/user/bob/"), headers) as kernel:
            kernel.begin("import time; time.sleep(300)")  # computes, and says nothing
            until(lambda: computes(it, headers), "the kernel computes")
            cull(it, timeout=8, every=1, warn=3)  # not before: some kernels take long to come
            tab = {"Authorization": f"token {it.token('ada')}"}

            def ended() -> bool:
                if kind == "ours":  # somebody has left it open
                    httpx.get(it.url("/user/ada/api/kernels"), headers=tab)
                    time.sleep(0.2)
                return not it.shown("ada")

            until(ended, "ada's server is stopped")
            assert it.shown("bob")[""]["ready"]
        status, left = it.hub("GET", "/users/ada/server")
        assert status == 200
        assert (left["stopped"], left["reason"]) == (True, "idle")
        time.sleep(9)
        there = it.shown("bob").get("", {})
        assert there.get("ready"), it.hub("GET", "/users/bob/server")  # nobody looks, it computes


def test_the_unmodified_idle_culler_works_from_outside(tmp_path: Path) -> None:
    hub = {
        "services": {"old-culler": {"apiToken": TOKEN}},
        "loadRoles": {"old-culler": ROLE},
    }
    with box(tmp_path, "ours", hub=hub, cull={"enabled": False}) as it:
        (tmp_path / "culler.log").touch()
        with (tmp_path / "culler.log").open("wb") as log:
            culler = subprocess.Popen(
                [
                    sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=4",
                    "--cull-every=1", f"--url={it.url('/hub/api')}",
                ],
                env={**os.environ, "JUPYTERHUB_API_TOKEN": TOKEN}, stdout=log, stderr=log,
            )  # fmt: skip
        try:

            def culled() -> bool:
                now = datetime.now(UTC).isoformat()
                body = {"last_activity": now, "servers": {"": {"last_activity": now}}}
                assert it.hub("POST", "/users/bob/activity", body)[0] == 200
                assert culler.poll() is None, (tmp_path / "culler.log").read_text()
                return not it.shown("ada")

            until(culled, f"ada is culled: {(tmp_path / 'culler.log').read_text()}")
            assert it.shown("bob")[""]["ready"]
            assert it.hub("GET", "/users/ada/server")[1]["reason"] is None, "nobody here did it"
        finally:
            culler.kill()
            culler.wait()
        assert json.dumps(TOKEN)[1:-1] not in (tmp_path / "culler.log").read_text()
