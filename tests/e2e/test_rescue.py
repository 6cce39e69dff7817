"""A rescue start, for real: a full home, files that hold a start up, and the way back."""

import json
import os
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.box import Up, until
from tests.singleuser.box import Box
from tests.singleuser.browser import NAVIGATES, xsrf_of
from tests.singleuser.older import command
from tests.singleuser.server import COMMANDS

SPACE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-r", "-m"]
INSIDE = ["-m"] if os.geteuid() == 0 else ["-U", "-m", "--preserve-credentials"]


class Room(Box):
    """Its mounts are its own, so that a home can have a small disk."""

    def start(self, *more: str) -> dict[str, Any]:
        self.begin(*more, wrapped=lambda line: [*SPACE, *line])
        assert self.process is not None
        until(lambda: "\n" in self.out, "a line")
        self.told = json.loads(self.out)
        return self.told

    def inside(self, script: str, *given: str) -> str:
        """Run a line of shell where its mounts are."""
        pid = str(self.pid("hub"))
        line = ["nsenter", "-t", pid, *INSIDE, "sh", "-ec", script, "sh", *given]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    def home(self, user: str) -> Path:
        [found] = (self.data / "homes").glob(f"*-{user}")
        return found

    def ended(self, user: str) -> dict[str, Any]:
        """Wait until the server of `user` is at rest; return it."""

        def shown() -> dict[str, Any]:
            status, found = self.hub("GET", f"/users/{user}/server")
            assert status == HTTPStatus.OK
            return found if found["stopped"] else {}

        until(shown, f"{user}'s server has ended")
        return shown()


@pytest.fixture(params=["ours", "5.5.4"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    sign_in = {"JupyterHub": {"authenticator_class": "dummy"}, "Authenticator": {"allow_all": True}}
    cmd = COMMANDS.get(request.param) or command(request.param)
    it = Room(tmp_path, hub={"config": sign_in}, singleuser={"cmd": cmd})
    try:
        it.start()
        assert it.hub("POST", "/users/ada")[0] == HTTPStatus.CREATED
        it.run_server("ada")
        assert it.hub("DELETE", "/users/ada/server")[0] in {202, 204}
        it.ended("ada")
        yield it
    finally:
        it.open.close()
        it.end()


FULL = (
    'mount -t tmpfs -o size=4m,nr_inodes=40 tmpfs "$1"; n=0;'
    ' while touch "$1/f$n" 2>/dev/null; do n=$((n+1)); done; ls "$1" | wc -l'
)
"""A small disk on which nothing more can be made."""
BREAKS = {
    "exits": ("raise SystemExit(3)", "exited"),
    "raises": ("class Broken(BaseException): pass\nraise Broken", "start-file"),
}
"""Start files, and what is said of them."""
CONFIG = ".jupyter/jupyter_server_config.py"


def test_a_full_home_is_opened_beside_an_empty_one_and_made_room_in(room: Room) -> None:
    home = room.home("ada")
    (home / "before").write_text("kept")
    room.inside(f'{FULL} 2>/dev/null || true; ls "$1" | wc -l', str(home))
    room.hub("POST", "/users/ada/server")
    assert room.ended("ada")["reason"] == "home-full"

    browser = room.browser("ada")
    page = browser.go("/hub/spawn-pending/ada")
    assert page.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "Your home folder is full" in page.text
    form = {"_xsrf": xsrf_of(page), "rescue": "1"}
    headers = {**NAVIGATES, "Origin": browser.origin}
    browser.client.post("/hub/start/ada", data=form, headers=headers)
    until(lambda: room.shown("ada").get("", {}).get("ready"), "the rescue start is ready")
    assert room.shown("ada")[""]["rescue"]
    assert "your files are in old-home in it" in browser.go("/hub/home").text
    headers = {"Authorization": f"token {room.token('ada')}"}
    seen = {it["name"] for it in contents(room, headers, "").json()["content"]}
    assert {"README.txt", "old-home"} <= seen
    for n in range(20):
        assert contents(room, headers, f"old-home/f{n}", "DELETE").status_code == 204
    back(room, "ada")
    assert room.inside('cd "$1"; echo f*', str(home)).split()[0] == "f20", "room was made"


@pytest.mark.parametrize("how", BREAKS)
def test_a_start_file_that_breaks_is_deleted_in_a_rescue_start(room: Room, how: str) -> None:
    text, code = BREAKS[how]
    home = room.home("ada")
    (home / ".jupyter").mkdir(exist_ok=True)
    (home / CONFIG).write_text(text)
    (home / "work.ipynb").write_text("{}")
    room.hub("POST", "/users/ada/server")
    assert room.ended("ada")["reason"] == code
    page = room.browser("ada").go("/hub/spawn-pending/ada").text
    assert "Rescue start" in page
    assert (f"is in ~/{CONFIG}, a file of your home folder" in page) is (code == "start-file")
    assert Up.hub(room, "POST", "/users/ada/server?rescue")[0] in {201, 202}
    until(lambda: room.shown("ada").get("", {}).get("ready"), "the rescue start is ready")
    headers = {"Authorization": f"token {room.token('ada')}"}
    assert contents(room, headers, f"old-home/{CONFIG}", "DELETE").status_code == 204
    assert not (home / CONFIG).exists()
    back(room, "ada")
    assert (home / "work.ipynb").read_text() == "{}"
    assert "work.ipynb" in {it["name"] for it in contents(room, headers, "").json()["content"]}


def contents(room: Room, headers: dict[str, str], path: str, method: str = "GET") -> httpx.Response:
    url = room.url(f"/user/ada/api/contents/{path}")
    return httpx.request(method, url, headers=headers, timeout=30)


def back(room: Room, user: str) -> None:
    """Stop the rescue start, and start as usual: its empty home is gone, the usual one back."""
    [mark] = (room.data / "workloads").glob("*/rescue")
    empty = mark.read_text()
    assert room.inside('test -L "$1/old-home"; stat -c %a "$1"', empty) == "700\n"
    room.hub("DELETE", f"/users/{user}/server")
    room.ended(user)
    until(lambda: not Path(empty).exists(), "the empty home is gone")
    room.run_server(user)
    assert not room.shown(user)[""]["rescue"]
