"""A service of announcements, as JupyterHub's example: guarded where one writes, polled by all."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import announcement
from tests.e2e.box import until
from tests.ports import free_port
from tests.singleuser.box import Box
from tests.singleuser.browser import NAVIGATES

PATH = "/services/announcement/"


class Announcing(Box):
    def __init__(self, folder: Path) -> None:
        # As whoever runs one has it: beside nothing of ours.
        program = shutil.copy(announcement.__file__, folder / "announcement.py")
        service = {
            "name": "announcement",
            "command": [sys.executable, str(program)],
            "cwd": str(folder),
            "url": f"http://127.0.0.1:{free_port()}",
            "oauth_no_confirm": True,
        }
        role = {"scopes": ["access:services!service=announcement"], "users": ["ada"]}
        hub = {
            "config": {
                "JupyterHub": {"authenticator_class": "dummy", "services": [service]},
                "Authenticator": {"allow_all": True},
            },
            "loadRoles": {"announcers": role},
        }
        super().__init__(folder, hub=hub)

    def polled(self) -> Any:
        """Return what everybody is told; None: it does not answer."""
        answer = httpx.get(self.url(PATH))
        return answer.json() if answer.status_code == 200 else None

    def say(self, words: str, user: str = "", method: str = "POST") -> int:
        headers = {"authorization": f"token {self.token(user)}"} if user else {}
        body = json.dumps({"announcement": words})
        return httpx.request(method, self.url(PATH), content=body, headers=headers).status_code


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Announcing]:
    it = Announcing(tmp_path_factory.mktemp("announcement"))
    try:
        it.start()
        for person in ("ada", "bob"):
            assert it.hub("POST", f"/users/{person}")[0] == 201
        until(lambda: it.polled() is not None, "it answers")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def test_a_script_announces_and_everybody_polls_it(box: Announcing) -> None:
    assert box.say("Down at noon", "ada") == 200
    for _ in range(5):
        assert box.polled() == {"announcement": "Down at noon", "user": "ada"}
    assert box.say("", "ada", "DELETE") == 200
    assert box.polled() == announcement.EMPTY


def test_nobody_announces_who_may_not_enter(box: Announcing) -> None:
    assert box.say("Mine", "bob") == 403
    assert box.say("Mine") == 403
    assert box.polled() == announcement.EMPTY


def test_a_person_signs_in_and_announces_in_a_browser(box: Announcing) -> None:
    browser = box.browser("ada", fresh=True)
    page = browser.follow(browser.go(f"{PATH}desk"))
    assert (page.status_code, "ada may announce" in page.text) == (200, True)
    body = json.dumps({"announcement": "Open again"})
    blind = browser.client.post(PATH, content=body, headers={**NAVIGATES, "Origin": "http://evil"})
    assert blind.status_code == 403, "another page cannot have known the XSRF value"
    assert browser.fetch(PATH, "POST", content=body).status_code == 200
    assert box.polled() == {"announcement": "Open again", "user": "ada"}
    stranger = box.browser("bob", fresh=True)
    assert stranger.follow(stranger.go(f"{PATH}desk")).status_code == 403


def test_what_was_announced_is_there_after_the_service_was_killed(box: Announcing) -> None:
    assert box.say("Stays", "ada") == 200
    status, model = box.hub("GET", "/services/announcement")
    assert (status, model["kind"]) == (200, "service")
    os.kill(model["pid"], signal.SIGKILL)

    def again() -> bool:
        return box.hub("GET", "/services/announcement")[1]["pid"] not in {0, model["pid"]}

    until(again, "the hub has started it again")
    until(lambda: box.polled() == {"announcement": "Stays", "user": "ada"}, "it answers again")
