"""Whatever ends a person's rights ends them in a real server of ours too, within a second."""

import json
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.singleuser.box import Box
from tests.singleuser.browser import Browser, xsrf_of

PASSWORDS = {"ada": "a sentence of ada", "root": "a sentence of root"}
SECOND = 1.1
"""And what the machine takes to answer."""
STATUS = "/user/ada/api/status"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with passwords of its own, on which ada's server runs."""
    it = Box(tmp_path_factory.mktemp("box"))
    cmd = [sys.executable, "-m", "perijove.singleuser"]
    it.file.write_text(json.dumps({"proxy": {"port": it.public}, "singleuser": {"cmd": cmd}}))
    try:
        it.start()
        for name, password in PASSWORDS.items():
            assert it.hub("POST", f"/users/{name}", {"admin": name == "root"})[0] == 201
            change(it, name, password=password)
        it.run_server("ada")
        yield it
    finally:
        it.open.close()
        it.end()


def change(box: Box, name: str, **about: str) -> None:
    status, answer = box.hub("PATCH", f"/users/{name}", about)
    assert status == 200, answer


def inside(box: Box, name: str) -> Browser:
    """Return a new browser of `name` in ada's server."""
    browser = box.browser()
    assert browser.sign_in(name, PASSWORDS[name]).status_code == 302
    page = browser.follow(browser.go("/user/ada/lab"))
    if name != "ada" and page.url.path == "/hub/api/oauth2/authorize":
        form = {"_xsrf": xsrf_of(page), "scopes": "access:servers!server=ada/", "why": "to help"}
        answer = browser.client.post(str(page.url), data=form, headers={"Origin": browser.origin})
        page = browser.follow(answer)
    assert page.status_code == 200, page.text[-300:]
    assert enters(box, cookies(browser)), "it is inside"
    return browser


def cookies(browser: Browser) -> dict[str, str]:
    """Return what a thief would copy: every cookie that ada's server is sent."""
    kept = [f"{name}={value}" for (name, at), value in browser.cookies().items() if at != "/hub/"]
    return {"Cookie": "; ".join(kept)}


def enters(box: Box, shown: dict[str, str]) -> bool:
    status = httpx.get(box.url(STATUS), headers={**shown, "Sec-Fetch-Mode": "navigate"}).status_code
    assert status in {200, 403}
    return status == 200


def test_signing_out_ends_this_browser_and_no_other(box: Box) -> None:
    here, there = inside(box, "ada"), inside(box, "ada")
    kept = cookies(here)
    assert here.go("/hub/logout").status_code == 302
    time.sleep(SECOND)
    assert not enters(box, kept)
    assert enters(box, cookies(there))


def test_another_password_ends_every_browser_and_every_token(box: Box) -> None:
    """But for the server itself, which goes on: its kernels compute."""
    one, other = inside(box, "ada"), inside(box, "ada")
    token = {"Authorization": f"token {box.token('ada')}"}
    assert enters(box, token)
    PASSWORDS["ada"] = "another sentence of ada"
    change(box, "ada", password=PASSWORDS["ada"])
    time.sleep(SECOND)
    for shown in (cookies(one), cookies(other), token):
        assert not enters(box, shown)
    assert enters(box, cookies(inside(box, "ada")))


def test_who_changes_their_own_password_stays_in_this_browser_alone(box: Box) -> None:
    here, there = inside(box, "ada"), inside(box, "ada")
    page = here.go("/hub/account")
    new = "one more sentence of ada"
    form = {"_xsrf": xsrf_of(page), "old": PASSWORDS["ada"], "new": new, "again": new}
    answer = here.client.post("/hub/account/password", data=form, headers={"Origin": here.origin})
    assert answer.status_code in {302, 303}, answer.text[:2000]
    PASSWORDS["ada"] = new
    time.sleep(SECOND)
    assert not enters(box, cookies(there))
    assert enters(box, cookies(here))


def test_a_page_that_was_open_when_its_reader_was_blocked_is_told_no_more(box: Box) -> None:
    page = box.browser()
    assert page.sign_in("root", PASSWORDS["root"]).status_code == 302
    with page.client.stream("GET", "/hub/people/stream") as followed:
        lines = followed.iter_lines()
        assert any("ada" in line for line in lines)
        change(box, "root", standing="blocked")
        blocked = time.monotonic()
        assert box.hub("POST", "/users/secretive")[0] == 201
        assert not [line for line in lines if "secretive" in line]
        assert time.monotonic() - blocked < 2 * SECOND, "and has ended"
    assert page.go("/hub/admin").headers["location"].startswith("/hub/login?")
    change(box, "root", standing="active")


def test_a_token_that_is_deleted_ends_where_it_was_given(box: Box) -> None:
    browser, by = inside(box, "ada"), {"Authorization": f"token {box.token('ada')}"}
    assert enters(box, by)
    _, listed = box.hub("GET", "/users/ada/tokens")
    for token in listed["api_tokens"]:
        if not token["note"].startswith("Server at "):
            assert box.hub("DELETE", f"/users/ada/tokens/{token['id']}")[0] in {204, 404}
    time.sleep(SECOND)
    assert not enters(box, by)
    assert not enters(box, cookies(browser)), "which held a token of OAuth"
    page = browser.follow(browser.go("/user/ada/lab"))
    assert page.status_code == 200, "the browser is still signed in at the hub, and comes back"


def test_who_is_blocked_is_out_of_others_servers_and_their_own_stops(box: Box) -> None:
    root, token = inside(box, "root"), {"Authorization": f"token {box.token('root')}"}
    assert enters(box, token)
    change(box, "root", standing="blocked")
    time.sleep(SECOND)
    assert not enters(box, cookies(root))
    assert not enters(box, token)
    assert enters(box, cookies(inside(box, "ada")))
    change(box, "ada", standing="blocked")
    deadline = time.monotonic() + 60
    while (last := httpx.get(box.url(f"/hub{STATUS}")).status_code) != 424:
        assert time.monotonic() < deadline, f"never: her server stops ({last})"
        time.sleep(0.1)
    change(box, "ada", standing="active")
    assert box.browser().sign_in("ada", PASSWORDS["ada"]).status_code == 302
