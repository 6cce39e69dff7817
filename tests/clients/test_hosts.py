"""A host for each person: unmodified servers and services of 6.1.1, by the real CHP.

hub.md 1.9, and its test 10.
"""

import json
import re
import sys
from collections.abc import Iterator
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.programs import chp
from tests.e2e.box import until
from tests.e2e.test_services import blocks
from tests.parts import free_port
from tests.singleuser.box import Box
from tests.singleuser.browser import NAVIGATES, Browser, query
from tests.singleuser.server import COMMANDS

DOMAIN = "hub.test"
PEOPLE = {"zoe": "zoe", "user.name": "u-username--c69f268", "ünï": "xn--n-nga1b"}
"""Names, and the labels of their hosts."""


class Resolved(httpx.HTTPTransport):
    """Every host is this machine; the Host header is what was asked for."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1")
        again = httpx.Request(
            request.method,
            url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(again)


class Walker(Browser):
    """A browser that finds every host here, and goes on from where it is."""

    def __init__(self, site: str) -> None:
        super().__init__(site)
        self.client.close()
        self.client = httpx.Client(
            base_url=site, transport=Resolved(), follow_redirects=False, timeout=30
        )

    def hop(self, answer: httpx.Response) -> httpx.Response:
        return self.go(str(answer.url.join(answer.headers["Location"])))


class Hosts(Box):
    """A platform with hosts, and a service that says who has come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api = free_port()
        self.site = f"http://{DOMAIN}:{self.public}"
        (program,) = (text for text in blocks("python") if text.startswith("# whoami.py"))
        (folder / "whoami.py").write_text(program)
        service = {
            "command": [sys.executable, f"{folder}/whoami.py"],
            "url": f"http://127.0.0.1:{free_port()}",
            "oauth_no_confirm": True,
        }
        role = {"scopes": ["access:services!service=my-svc"], "users": ["zoe"]}
        tree: dict[str, Any] = json.loads(self.file.read_text())
        tree["singleuser"]["cmd"] = COMMANDS["6.1.1"]
        tree["hub"] = {
            "services": {"my-svc": service},
            "loadRoles": {"who": role},
            "config": {
                "JupyterHub": {"authenticator_class": "dummy", "subdomain_host": self.site},
                "Authenticator": {"allow_all": True},
            },
        }
        tree["proxy"]["kind"] = "chp"
        tree["hub"]["config"]["ConfigurableHTTPProxy"] = {
            "command": chp(),
            "api_url": f"http://127.0.0.1:{self.api}",
            "auth_token": "of-the-proxy",
        }
        self.file.write_text(json.dumps(tree))

    def at(self, host: str) -> str:
        """Return scheme, host and port of a label below the hub's host."""
        return f"http://{host}.{DOMAIN}:{self.public}"

    def walk(self) -> Browser:
        """Return a browser that finds every host here."""
        browser = Walker(self.site)
        self.open.callback(browser.client.close)
        return browser

    def routes(self) -> dict[str, Any]:
        """Return the table of the proxy, by its own keys."""
        headers = {"Authorization": "token of-the-proxy"}
        answer = httpx.get(f"http://127.0.0.1:{self.api}/api/routes", headers=headers)
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    it = Hosts(tmp_path_factory.mktemp("box"))
    try:
        it.start()
        for person in PEOPLE:
            assert it.hub("POST", f"/users/{person}")[0] == 201
        status, answer = it.hub("POST", "/users/zoe/server")
        assert status in {201, 202}, answer
        until(lambda: it.shown("zoe").get("", {}).get("ready"), "zoe's server is ready")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def test_a_route_has_the_host_of_whose_it_is(box: Hosts) -> None:
    until(lambda: f"/my-svc--service.{DOMAIN}/services/my-svc" in box.routes(), "the service's")
    keys = {
        "/",
        f"/zoe.{DOMAIN}/user/zoe",
        f"/my-svc--service.{DOMAIN}/services/my-svc",
    }
    assert box.routes().keys() == keys


def test_a_server_signs_people_in_at_a_host_of_its_own(box: Hosts) -> None:
    own, browser = box.at("zoe"), box.walk()
    sent = browser.go(f"{own}/user/zoe/lab")
    to = urlsplit(sent.headers["Location"])
    assert f"{to.scheme}://{to.netloc}{to.path}" == f"{box.site}/hub/api/oauth2/authorize"
    assert query(sent.headers["Location"])["redirect_uri"] == f"{own}/user/zoe/oauth_callback"
    form = browser.hop(sent)
    assert urlsplit(form.headers["Location"]).path == "/hub/login"
    answer = browser.sign_in("zoe", path=form.headers["Location"])
    session = next(
        it
        for it in answer.headers.get_list("set-cookie")
        if it.startswith("jupyterhub-session-id=")
    )
    assert f"Domain={DOMAIN}" in session.split("; ")
    came = browser.hop(answer)
    assert came.headers["Location"].startswith(f"{own}/user/zoe/oauth_callback?")
    page = browser.follow(browser.go(came.headers["Location"]))
    assert page.status_code == 200
    assert str(page.url).startswith(f"{own}/user/zoe/lab")
    jar: list[Cookie] = list(browser.client.cookies.jar)
    hosts = {it.name: it.domain for it in jar}
    assert hosts["jupyterhub-session-id"] == f".{DOMAIN}"
    assert hosts["jupyterhub-user-zoe"] == f"zoe.{DOMAIN}"
    assert hosts["jupyterhub-hub-login"] == DOMAIN
    assert re.search(rf'"hubHost": ?"{re.escape(box.site)}"', page.text), "its menu finds the hub"


def test_of_another_persons_host_there_is_no_such_server(box: Hosts) -> None:
    browser = box.walk()
    for host in (box.at("eve"), box.site):
        answer = browser.go(f"{host}/user/zoe/lab")
        assert answer.status_code == 302
        assert "/hub/user/zoe/lab" in answer.headers["Location"]


def test_what_the_api_says_of_addresses_is_whole(box: Hosts) -> None:
    assert box.shown("zoe")[""]["url"] == f"{box.at('zoe')}/user/zoe/"
    status, model = box.hub("GET", "/users/zoe")
    assert (status, model["server"]) == (200, f"{box.at('zoe')}/user/zoe/")


@pytest.mark.parametrize("person", ["user.name", "ünï"])
def test_a_name_that_is_no_host_gets_a_label(box: Hosts, person: str) -> None:
    own = box.at(PEOPLE[person])
    assert box.hub("POST", f"/users/{person}/server")[0] in {201, 202}
    until(lambda: box.shown(person).get("", {}).get("ready"), "it is ready")
    assert f"/{urlsplit(own).hostname}/user/{person}" in {
        httpx.URL(f"http://x{key}").path if "%" in key else key for key in box.routes()
    }
    browser = box.walk()
    page = browser.follow(browser.sign_in(person))
    home = browser.follow(browser.go(box.shown(person)[""]["url"]))
    assert (page.status_code, home.status_code) == (200, 200)
    assert str(home.url).startswith(f"{own}/user/")


def test_a_service_signs_people_in_at_a_host_of_its_own(box: Hosts) -> None:
    own, browser = box.at("my-svc--service"), box.walk()
    until(lambda: browser.go(f"{own}/services/my-svc/").status_code not in {404, 503}, "it answers")
    sent = browser.go(f"{own}/services/my-svc/")
    asked = query(sent.headers["Location"])
    assert sent.headers["Location"].startswith(f"{box.site}/hub/api/oauth2/authorize?")
    assert asked["redirect_uri"] == f"{own}/services/my-svc/oauth_callback"
    form = browser.hop(sent)
    came = browser.hop(browser.sign_in("zoe", path=form.headers["Location"]))
    page = browser.follow(came)
    assert page.status_code == 200, page.text[:300]
    assert json.loads(page.text)["name"] == "zoe"
    assert str(page.url) == f"{own}/services/my-svc/"
    hosts = {it.name: it.domain for it in browser.client.cookies.jar}
    assert hosts["service-my-svc"] == f"my-svc--service.{DOMAIN}"
    listed = browser.client.get("/hub/services", headers=NAVIGATES)
    assert f'href="{own}/services/my-svc/"' in listed.text
