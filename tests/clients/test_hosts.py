"""A host for each person: five kinds of servers and a service, by the real CHP and by our proxy.

hub.md 1.9, and its test 10.
"""

import json
import sys
from collections.abc import Iterator
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

from tests.clients.programs import chp
from tests.e2e.box import PATIENCE, until
from tests.e2e.test_services import blocks
from tests.ports import free_port
from tests.singleuser.box import Box
from tests.singleuser.browser import NAVIGATES, Browser, page_config, query
from tests.singleuser.older import CURRENT, OLDER, command
from tests.singleuser.server import COMMANDS

DOMAIN = "hub.test"
CHP = {
    "zoe": ("zoe", "6.1.1"),
    "user.name": ("u-username--c69f268", "5.5.4"),
    "ünï": ("xn--n-nga1b", "4.1.6"),
}
OURS = {"zoe": ("zoe", "ours"), "tim": ("tim", "2.3.1")}
PROXIES = {"chp": CHP, "ours": OURS}
"""Who is behind which proxy: names, with the labels of their hosts and whose server they run."""
CHOOSE = """
import json, os, sys
command = json.loads(sys.argv[1])[os.environ["JUPYTERHUB_USER"]]
os.execv(command[0], [*command, *sys.argv[2:]])
"""


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
    """A platform with hosts, a kind of server for each, and a service that says who has come."""

    def __init__(self, folder: Path, proxy: str) -> None:
        super().__init__(folder)
        self.proxy, self.people = proxy, PROXIES[proxy]
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
        kinds = {person: kind for person, (_, kind) in self.people.items()}
        choice = {it: COMMANDS.get(kind) or command(kind) for it, kind in kinds.items()}
        run = [sys.executable, "-I", "-S", "-c", CHOOSE, json.dumps(choice)]
        tree["singleuser"]["cmd"] = run
        tree["hub"] = {
            "services": {"my-svc": service},
            "loadRoles": {"who": role},
            "config": {
                "JupyterHub": {"authenticator_class": "dummy", "subdomain_host": self.site},
                "Authenticator": {"allow_all": True},
            },
        }
        if proxy == "chp":
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

    def routes(self) -> set[str]:
        """Return the keys of the table: what CHP has, or what the hub tells our proxy."""
        if self.proxy == "chp":
            headers = {"Authorization": "token of-the-proxy"}
            table = httpx.get(f"http://127.0.0.1:{self.api}/api/routes", headers=headers).json()
        else:
            status, table = self.hub("GET", "/proxy")
            assert status == 200, table
        return {unquote(key).rstrip("/") or "/" for key in table}


@pytest.fixture(scope="module", params=PROXIES)
def box(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    it = Hosts(tmp_path_factory.mktemp("box"), request.param)
    try:
        it.start()
        for person in it.people:
            assert it.hub("POST", f"/users/{person}")[0] == 201
            status, answer = it.hub("POST", f"/users/{person}/server")
            assert status in {201, 202}, answer
        until(lambda: all(map(it.ready, it.people)), "all are ready", 2 * PATIENCE)
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def test_a_route_has_the_host_of_whose_it_is(box: Hosts) -> None:
    service = f"/my-svc--service.{DOMAIN}/services/my-svc"
    until(lambda: service in box.routes(), "the service's is there")
    own = {f"/{label}.{DOMAIN}/user/{person}" for person, (label, _) in box.people.items()}
    assert box.routes() == {"/", service, *own}


def test_a_server_signs_people_in_at_a_host_of_its_own(box: Hosts) -> None:
    for person, (label, kind) in box.people.items():
        signs_in(box, person, label, kind)


def signs_in(box: Hosts, person: str, label: str, kind: str) -> None:
    own, browser, prefix = box.at(label), box.walk(), f"/user/{quote(person)}/"
    asked = browser.go(f"{own}{prefix}api")
    assert asked.headers["X-JupyterHub-Version"] == OLDER.get(kind, CURRENT).version
    sent = browser.go(f"{own}{prefix}lab")
    to = urlsplit(str(sent.url.join(sent.headers["Location"])))
    assert f"{to.scheme}://{to.netloc}{to.path}" == f"{box.site}/hub/api/oauth2/authorize"
    assert query(to.geturl())["redirect_uri"] == f"{own}{prefix}oauth_callback"
    form = browser.hop(sent)
    assert urlsplit(form.headers["Location"]).path == "/hub/login"
    answer = browser.sign_in(person, path=form.headers["Location"])
    session = next(
        it
        for it in answer.headers.get_list("set-cookie")
        if it.startswith("jupyterhub-session-id=")
    )
    assert f"Domain={DOMAIN}" in session.split("; ")
    came = browser.hop(answer)
    assert came.headers["Location"].startswith(f"{own}{prefix}oauth_callback?")
    page = browser.follow(browser.hop(came))
    assert page.status_code == 200
    assert str(page.url).startswith(f"{own}{prefix}lab")
    jar: list[Cookie] = list(browser.client.cookies.jar)
    hosts = {it.name: it.domain for it in jar}
    assert hosts["jupyterhub-session-id"] == f".{DOMAIN}"
    assert hosts[f"jupyterhub-user-{quote(person)}"] == f"{label}.{DOMAIN}"
    assert hosts["jupyterhub-hub-login"] == DOMAIN
    # 2.3.1 takes it from --hub-host alone, which no JupyterHub since 2.0 gives: there it is empty.
    known = "" if kind == "2.3.1" else box.site
    assert page_config(page, "hubHost") == known, "where its menu looks for the hub"


def test_of_another_persons_host_there_is_no_such_server(box: Hosts) -> None:
    browser = box.walk()
    for host in (box.at("eve"), box.site):
        answer = browser.go(f"{host}/user/zoe/lab")
        assert answer.status_code == 302
        assert "/hub/user/zoe/lab" in answer.headers["Location"]


def test_what_the_api_says_of_addresses_is_whole(box: Hosts) -> None:
    for person, (label, _) in box.people.items():
        whole = f"{box.at(label)}/user/{quote(person)}/"
        assert box.shown(person)[""]["url"] == whole
        status, model = box.hub("GET", f"/users/{person}")
        assert (status, model["server"]) == (200, whole)


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
