"""Signing in at our server, move by move, with a hub that does as it is told."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.singleuser.browser import Browser, page_config, query
from tests.singleuser.desk import Desk, open_desk
from tests.singleuser.server import COMMANDS, Server

ADA = {"kind": "user", "name": "ada", "scopes": ["access:servers!server=ada/"]}
TOKEN = "POST /hub/api/oauth2/token"
COOKIE = ("jupyterhub-user-ada", "/user/ada/")


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as it:
        it.people["good"] = ADA
        it.answers[TOKEN] = (200, {"access_token": "good", "token_type": "Bearer"})
        yield it


@pytest.fixture(scope="module")
def server(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    it = Server(tmp_path_factory.mktemp("sign-in") / "ada", desk.server_port)
    yield it.start(COMMANDS["ours"]).ready()
    it.end()


@pytest.fixture
def browser(server: Server) -> Iterator[Browser]:
    it = Browser(f"http://127.0.0.1:{server.port}/")
    yield it
    it.client.close()


def sign_in(browser: Browser, path: str = "/user/ada/lab") -> str:
    """Sign in; return where it leads."""
    state = query(browser.go(path).headers["Location"])["state"]
    answer = browser.go(f"/user/ada/oauth_callback?code=c&state={state}")
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def test_the_code_is_redeemed_with_the_verifier_of_its_challenge(
    browser: Browser, desk: Desk
) -> None:
    asked = query(browser.go("/user/ada/lab").headers["Location"])
    browser.go(f"/user/ada/oauth_callback?code=c0de&state={asked['state']}")
    form = query(f"?{desk.asked(TOKEN)[-1]}")
    assert form["grant_type"] == "authorization_code"
    assert form["code"] == "c0de"
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert form["client_id"] == asked["client_id"]
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    again = query(browser.go("/user/ada/lab").headers.get("Location", ""))
    assert again == {}, "signed in"


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/user/ada/lab/tree/a%2Fb?reset", "/user/ada/lab/tree/a%2Fb?reset"),
        ("//evil.example/user/ada/", "/user/ada/"),
        ("/elsewhere", "/user/ada/"),
        (f"/user/ada/lab?{'x' * 3000}", "/user/ada/"),
    ],
)
def test_a_sign_in_leads_to_the_page_that_was_asked_for_and_never_away(
    server: Server, browser: Browser, wanted: str, leads: str
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    assert sign_in(browser, f"{url}{wanted}") == leads


def test_tabs_that_sign_in_at_the_same_time_do_not_disturb_each_other(browser: Browser) -> None:
    states = [
        query(browser.go(f"/user/ada/lab/tree/{n}").headers["Location"])["state"] for n in range(3)
    ]
    answer = browser.go(f"/user/ada/oauth_callback?code=c&state={states[1]}")
    assert answer.headers["Location"] == "/user/ada/lab/tree/1"
    late = browser.go(f"/user/ada/oauth_callback?code=c&state={states[2]}")
    assert late.headers["Location"] == "/user/ada/", "signed in already: no error, no circles"
    assert not any("-oauth-state" in name for name, _ in browser.cookies())


def test_a_hundred_sign_ins_that_are_never_finished_fill_no_cookie_jar(browser: Browser) -> None:
    for _ in range(100):
        browser.go("/user/ada/lab")
    assert len(browser.cookies()) <= 8
    assert sign_in(browser) == "/user/ada/lab"


@pytest.mark.parametrize(
    ("came", "status"),
    [
        ("", 400),
        ("?code=c", 400),
        ("?state=s", 400),
        ("?code=c&state=never-seen", 403),
        ("?error=access_denied&error_description=%3Cscript%3E", 400),
    ],
)
def test_what_does_not_come_from_the_hub_signs_nobody_in(
    browser: Browser, came: str, status: int
) -> None:
    answer = browser.go(f"/user/ada/oauth_callback{came}")
    assert answer.status_code == status
    assert "<script>alert" not in answer.text
    assert "<script></" not in answer.text
    assert COOKIE not in browser.cookies()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((400, {"error": "invalid_grant"}), 403),
        ((401, {"error": "invalid_client"}), 403),
        ((503, ""), 503),
        ((200, {"access_token": "nobodys"}), 403),
        ((200, {}), 503),
    ],
)
def test_a_code_that_the_hub_does_not_take_signs_nobody_in(
    desk: Desk, browser: Browser, answer: tuple[int, object], status: int
) -> None:
    kept = desk.answers[TOKEN]
    desk.answers[TOKEN] = answer
    state = query(browser.go("/user/ada/lab").headers["Location"])["state"]
    shown = browser.go(f"/user/ada/oauth_callback?code=c&state={state}")
    desk.answers[TOKEN] = kept
    assert shown.status_code == status
    assert COOKIE not in browser.cookies()


def test_only_a_page_sends_a_browser_to_sign_in(browser: Browser) -> None:
    for mode in ("cors", "no-cors", "same-origin"):
        answer = browser.client.get("/user/ada/lab", headers={"Sec-Fetch-Mode": mode})
        assert answer.status_code == 403, mode
        assert browser.cookies() == {}
    assert browser.client.get("/user/ada/lab").status_code == 302, "an old browser, or plain http"
    assert browser.client.get("/user/ada/api/contents").status_code == 403


def test_a_write_by_cookie_needs_the_proof_of_the_page(browser: Browser) -> None:
    sign_in(browser)
    path = "/user/ada/api/contents"
    for headers in ({}, {"X-XSRFToken": "guess"}, {"Sec-Fetch-Mode": "navigate"}):
        answer = browser.client.post(path, json={"type": "file"}, headers=headers)
        assert answer.status_code == 403, headers
    assert browser.fetch(path, "POST", json={"type": "file"}).status_code == 201


@pytest.mark.parametrize("token", ["a%0d%0aX-Evil:%20yes", "%00", "x" * 600, "%C3%A9", "%20"])
def test_what_cannot_be_a_token_never_reaches_the_hub(
    server: Server, desk: Desk, browser: Browser, token: str
) -> None:
    before = len(desk.calls)
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    path = f"/user/ada/api/events/subscribe?token={token}"
    assert browser.client.get(path, headers=upgrade).status_code == 403
    asked = [call for call, _, _ in desk.calls[before:] if call.endswith("/user")]
    assert asked == []
    assert "Traceback" not in server.log


def test_a_session_outlives_the_process_but_not_the_start(desk: Desk, tmp_path: Path) -> None:
    """A container that restarts has the same token; what the hub starts anew has another."""
    server = Server(tmp_path / "ada", desk.server_port).start(COMMANDS["ours"]).ready()
    browser = Browser(f"http://127.0.0.1:{server.port}/")
    try:
        sign_in(browser)
        server.stop()
        server.start(COMMANDS["ours"]).ready()
        assert browser.go("/user/ada/lab").status_code == 200
        server.stop()
        server.start(COMMANDS["ours"], JUPYTERHUB_API_TOKEN="another" * 5).ready()
        assert browser.go("/user/ada/lab").status_code == 302
    finally:
        browser.client.close()
        server.end()


def test_the_hubs_wishes_for_pages_folder_and_configuration_are_kept(
    desk: Desk, tmp_path: Path
) -> None:
    server = Server(tmp_path / "ada", desk.server_port)
    folder = server.folder / "course"
    folder.mkdir(parents=True)
    (folder / "here").write_text("yes")
    config = server.folder / ".jupyter"
    config.mkdir()
    (config / "jupyter_server_config.py").write_text("raise SystemExit('read')")
    wishes = {
        "JUPYTERHUB_ROOT_DIR": "~/course",
        "JUPYTERHUB_DEFAULT_URL": "/doc",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
    }
    server.start(COMMANDS["ours"], **wishes).ready()
    try:
        headers = {"Authorization": "token good"}
        assert server.get("", headers=headers).headers["Location"].startswith("/user/ada/doc")
        names = [it["name"] for it in server.get("api/contents", headers=headers).json()["content"]]
        assert names == ["here"]
        page = server.get("lab", headers=headers)
        assert page_config(page, "hubServerUser") == "ada"
        assert page_config(page, "token") == "good"
        assert "apputils-extension:announcements" in page.text, "nobody is asked about news"
    finally:
        server.end()
