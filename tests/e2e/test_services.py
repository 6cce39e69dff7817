"""The page on services, as a reader follows it: its blocks are run, on the real classes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.box import alive, until
from tests.ports import free_port
from tests.singleuser.box import Box
from tests.singleuser.browser import NAVIGATES, Browser, query, xsrf_of

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
BLOCK = re.compile(r"^```(python|yaml|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLBACK = "/services/whoami/oauth_callback"


def blocks(kind: str, page: str = "services.md") -> list[str]:
    return [text for of, text in BLOCK.findall((HOW_TO / page).read_text()) if of == kind]


def merged(one: Any, other: Any) -> Any:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    return {**one, **{key: merged(one.get(key), it) for key, it in other.items()}}


class Page:
    """A box with everything that the page says, on ports that are free."""

    def __init__(self, folder: Path) -> None:
        self.box = Box(folder)
        self.here = {
            "/srv/services/bin/python": sys.executable,
            "/srv/services/": f"{folder}/",
            "127.0.0.1:8000": f"127.0.0.1:{self.box.public}",
            "--timeout=3600": "--timeout=5, --cull-every=1",
            **{str(port): str(free_port()) for port in (10101, 10102, 10103)},
        }
        for program in blocks("python"):
            (name,) = re.findall(r"\A# (\w+\.py)$", program, re.MULTILINE)
            (folder / name).write_text(self.fitted(program))
        self.config: dict[str, Any] = {
            "hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"},
                               "Authenticator": {"allow_all": True}}},
            "people": {"groups": {"staff": {"users": ["ada"]}}},
        }  # fmt: skip
        whoami = [sys.executable, f"{folder}/whoami.py"]
        self.config["hub"]["services"] = {
            "quiet": {
                "command": whoami,
                "url": f"http://127.0.0.1:{free_port()}",
                "oauth_no_confirm": True,
            },
            "broken": {"command": ["/no/such/program"], "url": "http://127.0.0.1:9"},
        }
        self.config["hub"]["loadRoles"] = {
            "quiet": {"scopes": ["access:services!service=quiet"], "users": ["ada"]}
        }
        for text in blocks("yaml"):
            self.config = merged(self.config, yaml.safe_load(self.fitted(text)))
        tree = yaml.safe_load(self.box.file.read_text())
        self.box.file.write_text(yaml.safe_dump(merged(tree, self.config)))

    def fitted(self, text: str) -> str:
        for theirs, ours in self.here.items():
            text = text.replace(theirs, ours)
        return text

    def bash(self, text: str, token: str) -> str:
        ran = subprocess.run(
            ["bash", "-ec", self.fitted(text)], env={**os.environ, "TOKEN": token},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, (ran.stdout, ran.stderr)
        return ran.stdout

    def log(self) -> str:
        return "".join(it.read_text(errors="replace") for it in self.box.data.rglob("hub.log"))

    def answers(self, name: str) -> bool:
        """Return whether the service itself does: no proxy, nor the hub before that knows it."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.box.public}/services/{name}/")
        except httpx.HTTPError:
            return False
        led = answer.headers.get("location", "")
        return answer.status_code != 503 and not led.startswith("/hub/services/")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    it = Page(tmp_path_factory.mktemp("services"))
    it.box.start()
    try:
        yield it
    finally:
        it.box.open.close()
        it.box.end()


def enter(browser: Browser, name: str = "whoami") -> httpx.Response:
    """Come to the service, and stop where the hub asks, refuses or lets in."""
    answer = browser.go(f"/services/{name}/")
    while answer.is_redirect and "code=" not in answer.headers["location"]:
        answer = browser.hop(answer)
    return answer


def allow(browser: Browser, asked: httpx.Response) -> httpx.Response:
    """Press Allow, and come back to the service."""
    ticked = re.findall(r'name="scopes" value="([^"]+)"', asked.text)
    answer = browser.client.post(
        str(asked.url),
        data={"_xsrf": xsrf_of(asked), "scopes": ticked},
        headers={**NAVIGATES, "Origin": browser.origin},
    )
    assert answer.status_code == 302, answer.text[:500]
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    return browser.follow(answer)


def test_both_languages_run_the_same(page: Page) -> None:
    del page
    for kind in ("python", "yaml", "bash"):
        assert blocks(kind) == blocks(kind, "services.zh.md")


def test_a_managed_service_knows_who_has_come(page: Page) -> None:
    until(lambda: page.answers("whoami"), "it listens")
    ada = page.box.browser("ada")
    asked = enter(ada)
    assert asked.status_code == 200
    assert "whoami" in asked.text
    assert query(str(asked.url))["client_id"] == "service-whoami"
    told = allow(ada, asked)
    assert told.status_code == 200, told.text
    me = told.json()
    assert (me["kind"], me["name"], me["groups"]) == ("user", "ada", ["staff"])
    assert "access:services!service=whoami" in me["scopes"]
    assert ("service-whoami", "/services/whoami/") in ada.cookies()
    assert ada.go("/services/whoami/").json()["name"] == "ada"
    again = page.box.browser("ada", fresh=True)  # another browser: it has been allowed
    assert again.follow(enter(again)).json()["name"] == "ada"


def test_a_service_that_the_administrator_answers_for_asks_nobody(page: Page) -> None:
    until(lambda: page.answers("quiet"), "it listens")
    ada = page.box.browser("ada")
    answer = enter(ada, "quiet")
    assert answer.is_redirect, answer.text[:500]
    assert ada.follow(answer).json()["name"] == "ada"
    bob = page.box.browser("bob")
    assert enter(bob, "quiet").status_code == 403


def test_one_that_cannot_begin_holds_up_nobody(page: Page) -> None:
    until(lambda: "service broken is started again" in page.log(), "it is tried again")
    assert page.box.ask("GET", "/services/broken/")[0] == 503
    assert page.box.ask("GET", "/hub/health")[0] == 200


def test_whoever_has_no_role_is_refused_in_words(page: Page) -> None:
    until(lambda: page.answers("whoami"), "it listens")
    bob = page.box.browser("bob")
    refused = enter(bob)
    assert refused.status_code == 403
    assert "You have no permission to open whoami." in refused.text
    assert not any(name == "service-whoami" for name, _ in bob.cookies())
    nobody = page.box.browser().go("/services/whoami/")
    assert nobody.is_redirect
    token = page.box.token("bob")
    shown = page.box.ask("GET", "/services/whoami/", {"authorization": f"token {token}"})
    assert shown[0] == 403


def test_signing_out_ends_it_there_as_well(page: Page) -> None:
    until(lambda: page.answers("whoami"), "it listens")
    ada = page.box.browser("ada", fresh=True)
    answer = enter(ada)
    if not answer.is_redirect:
        answer = allow(ada, answer)
    assert ada.follow(answer).json()["name"] == "ada"
    ada.follow(ada.go("/hub/logout"))
    assert ada.go("/services/whoami/").is_redirect, "the hub is asked again, and knows nobody"


def test_a_managed_service_that_is_killed_comes_back(page: Page) -> None:
    until(lambda: page.answers("whoami"), "it listens")
    _, shown = page.box.hub("GET", "/services/whoami")
    assert alive(shown["pid"])
    os.kill(shown["pid"], signal.SIGKILL)
    until(lambda: page.box.hub("GET", "/services/whoami")[1]["pid"] not in {0, shown["pid"]},
          "it runs again")  # fmt: skip
    until(lambda: page.answers("whoami"), "it listens again")


def test_an_external_service_takes_tokens(page: Page) -> None:
    start, call, *_ = blocks("bash")
    process = subprocess.Popen(["bash", "-c", page.fitted(start)])
    try:
        until(lambda: page.answers("grades"), "it listens")
        for name in ("ada", "bob"):
            page.box.hub("POST", f"/users/{name}")
        told = page.bash(call, page.box.token("ada"))
        assert {"ada", "bob"} <= {it["name"] for it in yaml.safe_load(told)}
        for token in (page.box.token("bob"), "nonsense"):
            headers = {"authorization": f"token {token}"}
            assert page.box.ask("GET", "/services/grades/", headers)[0] == 403
    finally:
        process.kill()
        process.wait()
    until(lambda: page.box.ask("GET", "/services/grades/")[0] == 503, "it is said that it is away")


def test_the_culler_that_the_hub_runs_stops_what_is_idle(page: Page) -> None:
    page.box.hub("POST", "/users/lin")
    page.box.run_server("lin")
    until(lambda: "" not in page.box.shown("lin"), "the server is stopped")
    assert "service culler:" in page.log()


def test_a_service_is_made_through_the_api(page: Page) -> None:
    *_, make = blocks("bash")
    token = (page.box.data / "secrets" / "cli-token").read_text().strip()
    told = page.bash(make, token)
    assert '"contact"' in told
    assert page.box.hub("GET", "/services/forms")[0] == 404


def test_services_end_with_the_box(tmp_path: Path) -> None:
    page = Page(tmp_path)
    page.box.start()
    try:
        until(lambda: page.answers("whoami"), "it listens")
        services = page.box.hub("GET", "/services")[1]
        pids = [it["pid"] for it in services.values() if it["pid"]]
        assert len(pids) >= 3
        page.box.kill("hub")
        until(lambda: not any(map(alive, pids)), "they end with a hub that is killed")
        until(lambda: page.answers("whoami"), "the next hub runs it")
        services = page.box.hub("GET", "/services")[1]
        pids = [it["pid"] for it in services.values() if it["pid"]]
        assert page.box.stop() == 0
        until(lambda: not any(map(alive, pids)), "they end with the box")
    finally:
        page.box.open.close()
        page.box.end()


@pytest.mark.parametrize(
    ("token", "who"),
    [
        ("0d4f4fd7b8a64c0c9a51e3d8a6b1c2f7", ("service", "reports")),
        ("5a1f0c7e9b3d4862a7f6c0d1e2b3a495", ("service", "reports")),
        ("c3b2a1908f7e6d5c4b3a29180f7e6d5c", ("service", "nightly")),
        ("e7d6c5b4a392817060f5e4d3c2b1a098", ("user", "ada")),
    ],
)
def test_a_token_as_jupyterhubs_configuration_says_it_is_known(
    page: Page, token: str, who: tuple[str, str]
) -> None:
    url = f"http://127.0.0.1:{page.box.public}/hub/api/user"
    answer = httpx.get(url, headers={"authorization": f"token {token}"})
    assert answer.status_code == 200
    assert (answer.json()["kind"], answer.json()["name"]) == who
    assert token not in page.log()
