"""Below a path, and with a host for each person: real servers, a real browser, the real proxy."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.e2e.box import Up, until
from tests.e2e.chromium import chromium, person
from tests.e2e.pages import Person

PASSWORD = "a long enough sentence"
FETCH = """async (url) => {
  try { return (await fetch(url, {credentials: "include"})).status; }
  catch (error) { return String(error); }
}"""


@contextmanager
def box(folder: Path, **hub: Any) -> Iterator[Up]:
    """Yield a box with real servers; `hub` holds the keys of that section."""
    it = Up(folder)
    told = json.dumps(hub).replace("PORT", str(it.public))
    it.file.write_text(json.dumps({"proxy": {"port": it.public}, "hub": json.loads(told)}))
    try:
        it.start()
        yield it
        assert it.stop() == 0
    finally:
        it.end()


def works(page: Page, at: Person) -> None:
    """Start the first server, and run something in it: that takes a WebSocket."""
    page.get_by_role("button", name="Start my server").click()
    lab = at.watch()
    lab.new_notebook()
    expect(lab.run("print(6 * 7)")).to_have_text("42")


def test_everything_is_below_the_path_of_the_settings(tmp_path: Path) -> None:
    with (
        box(tmp_path, baseUrl="/jupyter/") as up,
        chromium() as browser,
        person(browser, up.told["url"]) as context,
    ):
        assert up.told["url"].endswith("/jupyter/")
        asked: list[str] = []
        at = Person(context)
        at.page.on("request", lambda request: asked.append(request.url))
        at.first(up.told["sign_in"], PASSWORD)
        works(at.page, at)
        assert urlsplit(at.page.url).path.startswith("/jupyter/user/admin/lab")
        for cookie in context.cookies():
            assert cookie["path"].startswith("/jupyter/") or cookie["name"].startswith("pj_"), (
                cookie
            )
        at.page.goto("/")  # whoever knows no path
        at.page.wait_for_url(re.compile(r"/jupyter/user/admin/lab"))
        at.page.goto("/jupyter/hub/user-redirect/lab/tree/none.txt?reset")
        at.page.wait_for_url(re.compile(r"/jupyter/user/admin/lab"))
        away = [
            url
            for url in asked
            if url.startswith("http") and not urlsplit(url).path.startswith("/jupyter/")
        ]
        assert [url for url in away if urlsplit(url).path != "/"] == []
        at.page.goto("/jupyter/hub/logout")
        expect(at.page.get_by_text("You are signed out.")).to_be_visible()


def asked_by(up: Up, host: str, path: str) -> tuple[int, str]:
    """Return status and Location of what a client with this Host header is told."""
    connection = HTTPConnection("127.0.0.1", up.public, timeout=10)
    connection.request("GET", path, headers={"Host": f"{host}:{up.public}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


def test_each_person_has_a_host_of_their_own(tmp_path: Path) -> None:
    traits = {"subdomain_host": "http://hub.test:PORT"}
    rules = "MAP hub.test 127.0.0.1, MAP *.hub.test 127.0.0.1"
    with (
        box(tmp_path, config={"JupyterHub": traits}) as up,
        chromium(f"--host-resolver-rules={rules}") as browser,
        person(browser, up.told["url"]) as context,
    ):
        site, own = f"http://hub.test:{up.public}", f"http://admin.hub.test:{up.public}"
        assert up.told["url"] == f"{site}/"
        at = Person(context)
        at.first(up.told["sign_in"], PASSWORD)
        works(at.page, at)
        assert at.page.url.startswith(f"{own}/user/admin/lab")
        its_own = {it["name"]: it["domain"] for it in context.cookies([f"{own}/user/admin/lab"])}
        assert "jupyterhub-hub-login" not in its_own, "the server cannot see who has signed in"
        assert its_own["jupyterhub-session-id"] == ".hub.test"
        assert its_own["jupyterhub-user-admin"] == "admin.hub.test"
        # A script of the server is a stranger at the hub, and at the servers of others.
        for other in (f"{site}/hub/home", f"http://eve.hub.test:{up.public}/hub/login"):
            assert "TypeError" in str(at.page.evaluate(FETCH, other))
        shown = up.hub("GET", "/users/admin")[1]
        assert shown["servers"][""]["url"] == f"{own}/user/admin/"
        only_there(up, site)
        there_and_back(up, at.page, site, own)


def only_there(up: Up, site: str) -> None:
    """See that the route is that of one host; at any other the hub answers."""
    assert asked_by(up, "admin.hub.test", "/user/admin/api")[0] == 200
    assert asked_by(up, "ADMIN.hub.test", "/user/admin/api")[0] == 200
    for host in ("hub.test", "eve.hub.test", "admin.hub.test.evil.example", "127.0.0.1"):
        status, location = asked_by(up, host, "/user/admin/api")
        assert (status, location) == (302, "/hub/user/admin/api"), host
    assert asked_by(up, "eve.hub.test", "/hub/home") == (302, f"{site}/hub/home")


def there_and_back(up: Up, page: Page, site: str, own: str) -> None:
    """Come from the hub's own host to the server, to the hub when it has stopped, and out."""
    lab = re.compile(re.escape(f"{own}/user/admin/lab"))
    page.goto(f"{site}/user/admin/lab")
    page.wait_for_url(lab)
    assert up.hub("DELETE", "/users/admin/server")[0] in {202, 204}
    until(lambda: asked_by(up, "admin.hub.test", "/user/admin/api")[0] == 302, "it has stopped")
    page.goto(f"{own}/user/admin/lab")
    page.wait_for_url(re.compile(re.escape(f"{site}/hub/")))
    until(lambda: not up.hub("GET", "/users/admin")[1]["servers"], "nothing is left of it")
    page.goto(f"{own}/user/admin/lab")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(lab, timeout=60_000)
    page.goto(f"{own}/user/admin/logout")
    page.wait_for_url(re.compile(re.escape(f"{site}/hub/login")))
    page.goto(f"{own}/user/admin/lab")
    page.wait_for_url(re.compile(re.escape(f"{site}/hub/")))
