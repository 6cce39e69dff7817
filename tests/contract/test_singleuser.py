"""Our server and the unmodified ones of JupyterHub 6, 5, 4 and 2 under our hub: hub.md 1 and 10.

Through the real platform: `perijove up`, its proxy, its process spawner.
"""

import json
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.box import until
from tests.singleuser.box import Box
from tests.singleuser.browser import Browser, page_config, query, xsrf_of
from tests.singleuser.kernel import Kernel
from tests.singleuser.older import CURRENT, OLDER, command
from tests.singleuser.server import COMMANDS

PEOPLE = ["ada", "bob", "zoë@x", "ada-lab2"]


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module", params=[*COMMANDS, *OLDER])
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    config = {
        "hub": {
            "allowNamedServers": True,
            "config": {
                "JupyterHub": {"authenticator_class": "dummy"},
                "Authenticator": {"allow_all": True, "admin_users": ["root"]},
            },
        },
        "singleuser": {"cmd": COMMANDS.get(request.param) or command(request.param)},
    }
    it = Box(tmp_path_factory.mktemp("box"), **config)
    it.file.write_text(json.dumps({"proxy": {"port": it.public}, **config}))
    it.kind, it.generation = request.param, OLDER.get(request.param, CURRENT)
    try:
        it.start()
        for person in PEOPLE:
            assert it.hub("POST", f"/users/{person}")[0] == 201
        it.run_server("ada")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def test_it_boots_with_what_the_hub_tells_it_and_speaks_of_its_version(box: Box) -> None:
    answer = httpx.get(box.url("/user/ada/api"))
    assert answer.status_code == 200
    assert answer.headers["X-JupyterHub-Version"] == box.generation.version
    framed = "'self'" if box.generation.on_jupyter_server_1 else "'none'"
    assert f"frame-ancestors {framed}" in answer.headers["Content-Security-Policy"]


def test_activity_arrives_within_five_seconds_of_the_start_also_from_strange_names(
    box: Box,
) -> None:
    before = time.time()
    box.run_server("zoë@x")
    begun = time.monotonic()

    def reported() -> bool:
        at = box.shown("zoë@x")[""]["last_activity"]
        return bool(at) and at >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before))

    until(reported, "activity")
    assert time.monotonic() - begun < 15, "five, and what a busy machine takes"
    assert httpx.get(box.url("/user/zo%C3%AB@x/api")).status_code == 200
    if box.kind == "ours":  # JupyterHub's knows one spelling of itself
        assert httpx.get(box.url("/user/zo%c3%ab%40x/api")).status_code == 200


def test_a_browser_signs_in_hop_by_hop(box: Box) -> None:
    browser = box.browser()
    sent = browser.go("/user/ada/lab?reset")
    asked = query(sent.headers["Location"])
    assert sent.headers["Location"].startswith("/hub/api/oauth2/authorize?")
    assert asked["client_id"] == "jupyterhub-user-ada"
    assert asked["redirect_uri"] == "/user/ada/oauth_callback"
    assert asked["response_type"] == "code"
    challenge = (asked.get("code_challenge_method"), len(asked.get("code_challenge", "")))
    assert challenge == (("S256", 43) if box.generation.asks_for_pkce else (None, 0))
    assert any("-oauth-state" in name and at == "/user/ada/" for name, at in browser.cookies())

    form = browser.hop(sent)
    assert form.status_code == 302, "nobody has signed in yet"
    assert form.headers["Location"].startswith("/hub/login?next=")
    back = browser.sign_in("ada", path=form.headers["Location"])
    allowed = browser.hop(back)
    came = query(allowed.headers["Location"])
    assert allowed.headers["Location"].startswith("/user/ada/oauth_callback?")
    assert came["state"] == asked["state"]
    signed_in = browser.hop(allowed)
    assert signed_in.status_code == 302
    assert signed_in.headers["Location"] == "/user/ada/lab?reset"
    names = browser.cookies()
    assert ("jupyterhub-user-ada", "/user/ada/") in names
    assert ("_xsrf", "/user/ada/") in names or box.generation.on_jupyter_server_1
    assert not any("-oauth-state" in name for name, _ in names)
    page = browser.hop(signed_in)
    assert page.status_code == 200
    assert page_config(page, "hubPrefix") == "/hub/"
    assert page_config(page, "hubUser") == "ada"
    assert page_config(page, "shareUrl") == "/hub/user-redirect"


def test_a_code_of_another_sign_in_opens_nothing(box: Box) -> None:
    """The verifier does not belong to its challenge: PKCE. Without it, the code is still ada's."""
    first, second = box.browser("ada"), box.browser("ada")
    mine = first.hop(first.go("/user/ada/lab"))
    other = second.hop(second.go("/user/ada/lab"))
    code = query(other.headers["Location"])["code"]
    state = query(mine.headers["Location"])["state"]
    answer = first.go(f"/user/ada/oauth_callback?code={code}&state={state}")
    refused = answer.status_code >= 400
    assert refused is box.generation.asks_for_pkce
    assert (("jupyterhub-user-ada", "/user/ada/") in first.cookies()) is not refused


def test_a_sign_in_that_began_elsewhere_is_refused(box: Box) -> None:
    thief, victim = box.browser("ada"), box.browser("ada")
    stolen = thief.hop(thief.go("/user/ada/lab")).headers["Location"]
    answer = victim.go(stolen)
    assert answer.status_code in {400, 403}
    assert ("jupyterhub-user-ada", "/user/ada/") not in victim.cookies()


def test_the_hub_says_who_somebody_is_and_the_server_believes_nothing_else(box: Box) -> None:
    browser = box.browser("ada")
    page = browser.follow(browser.go("/user/ada/lab"))
    token = page_config(page, "token")
    headers = {"Authorization": f"token {token}"}
    model = httpx.get(box.url("/hub/api/user"), headers=headers).json()
    assert (model["kind"], model["name"], model["admin"]) == ("user", "ada", False)
    assert "access:servers!server=ada/" in model["scopes"]
    assert model["session_id"] == browser.cookies()["jupyterhub-session-id", "/"]
    assert httpx.get(box.url("/user/ada/api/status"), headers=headers).status_code == 200
    bad = httpx.get(box.url("/user/ada/api/status"), headers={"Authorization": "token bad"})
    assert bad.status_code == 403
    assert httpx.get(box.url("/user/ada/api/status")).status_code == 403
    in_url = httpx.get(box.url(f"/user/ada/api/status?token={token}")).status_code
    assert in_url == (200 if box.generation.takes_token_in_url else 403)
    if not box.generation.on_jupyter_server_1:
        me = httpx.get(box.url("/user/ada/api/me"), headers=headers).json()
        assert me["identity"]["username"] == "ada"


@pytest.mark.parametrize(("person", "status"), [("ada", 200), ("bob", 403), ("root", 200)])
def test_whose_token_opens_adas_server(box: Box, person: str, status: int) -> None:
    if person == "root":
        box.hub("POST", "/users/root", {"admin": True})
    headers = {"Authorization": f"Bearer {box.token(person)}"}
    assert httpx.get(box.url("/user/ada/api/status"), headers=headers).status_code == status


def test_another_person_cannot_sign_in_to_adas_server(box: Box) -> None:
    bob = box.browser("bob")
    answer = bob.follow(bob.go("/user/ada/lab"))
    assert answer.status_code in {403, 404}
    assert ("jupyterhub-user-ada", "/user/ada/") not in bob.cookies()


def test_an_administrator_enters_after_saying_yes(box: Box) -> None:
    root = box.browser("root")
    asked = root.follow(root.go("/user/ada/lab"))
    assert asked.status_code == 200
    assert asked.url.path == "/hub/api/oauth2/authorize"
    form = {"_xsrf": xsrf_of(asked), "scopes": "access:servers!server=ada/", "why": "to help"}
    said = root.client.post(str(asked.url), data=form, headers={"Origin": root.origin})
    page = root.follow(said)
    assert page.status_code == 200, page.text[-500:]
    assert page_config(page, "hubUser") == ("root" if box.generation.names_its_visitor else "ada")
    if box.generation.names_its_owner:
        assert page_config(page, "hubServerUser") == "ada"


def test_writes_and_scripts_need_the_proof_that_only_the_page_has(box: Box) -> None:
    browser = box.browser("ada")
    browser.follow(browser.go("/user/ada/lab"))
    contents = "/user/ada/api/contents"
    assert browser.fetch(contents, "POST", json={"type": "file"}).status_code == 201
    bare = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert browser.client.post(contents, json={"type": "file"}, headers=bare).status_code == 403
    assert browser.client.post(contents, json={"type": "file"}).status_code == 403
    read = browser.client.get(contents, headers=bare).status_code
    assert read == (200 if box.generation.on_jupyter_server_1 else 403)
    assert browser.fetch(contents).status_code == 200
    tossed = {**bare, "X-XSRFToken": "x", "Cookie": "_xsrf=x; " + _cookies(browser)}
    answer = httpx.post(box.url(contents), json={"type": "file"}, headers=tossed)
    assert answer.status_code == 403, "a cookie that another page has set proves nothing"


def test_a_kernel_answers_over_a_websocket_by_cookie_from_this_site_alone(box: Box) -> None:
    browser = box.browser("ada")
    browser.follow(browser.go("/user/ada/lab"))
    xsrf = browser.cookies()["_xsrf", "/user/ada/"]
    headers = {"Cookie": _cookies(browser), "X-XSRFToken": xsrf, "Origin": box.url().rstrip("/")}
    with Kernel(box.url("/user/ada/"), headers) as kernel:
        assert kernel.run("print(6 * 7)") == "42\n"
        page = {**UPGRADE, "Cookie": _cookies(browser)}
        path = f"/user/ada/api/kernels/{kernel.id}/channels"
        evil = httpx.get(box.url(path), headers={**page, "Origin": "http://evil.example"})
        assert evil.status_code == 403
        nobody = {**page, "Cookie": "", "Origin": box.url().rstrip("/")}
        assert httpx.get(box.url(path), headers=nobody).status_code == 403


def test_named_servers_live_beside_the_default_one_in_one_browser(box: Box) -> None:
    box.run_server("ada", "lab2")
    box.run_server("ada-lab2")
    browser = box.browser("ada")
    for path in ("/user/ada/", "/user/ada/lab2/"):
        page = browser.follow(browser.go(f"{path}lab"))
        assert page.status_code == 200
        assert page_config(page, "hubServerName") == path.split("/")[3]
        assert browser.fetch(f"{path}api/status").status_code == 200
    paths = {at for name, at in browser.cookies() if name.startswith("jupyterhub-user-ada")}
    assert paths == {"/user/ada/", "/user/ada/lab2/"}
    other = box.browser("ada-lab2")
    page = other.follow(other.go("/user/ada-lab2/lab"))
    assert page_config(page, "hubUser") == "ada-lab2", "whose client has almost the same name"
    again = browser.follow(browser.go("/user/ada/lab2/lab"))
    assert page_config(again, "hubUser") == "ada"


def test_signing_out_at_the_hub_ends_every_server_of_that_browser_and_no_other(box: Box) -> None:
    box.run_server("ada", "lab2")
    here, there = box.browser("ada", fresh=True), box.browser("ada", fresh=True)
    for browser in (here, there):
        for path in ("/user/ada/lab", "/user/ada/lab2/lab"):
            assert browser.follow(browser.go(path)).status_code == 200
    kept = _cookies(here)
    here.follow(here.go("/user/ada/logout"))
    time.sleep(1.1)
    for path in ("/user/ada/", "/user/ada/lab2/"):
        assert here.fetch(f"{path}api/status").status_code == 403
        assert there.fetch(f"{path}api/status").status_code == 200
    if box.kind == "ours":  # JupyterHub's believes them for its own 300 s
        for path in ("/user/ada/", "/user/ada/lab2/"):
            answer = httpx.get(box.url(f"{path}api/status"), headers={"Cookie": kept})
            assert answer.status_code == 403, "cookies that somebody has copied"


def test_a_revoked_token_is_refused_within_a_second_by_ours(box: Box) -> None:
    status, made = box.hub("POST", "/users/ada/tokens", {"note": "to be revoked"})
    assert status == 201
    headers = {"Authorization": f"token {made['token']}"}
    assert httpx.get(box.url("/user/ada/api/status"), headers=headers).status_code == 200
    assert box.hub("DELETE", f"/users/ada/tokens/{made['id']}")[0] == 204
    time.sleep(1.1)
    expected = 403 if box.kind == "ours" else 200  # its own cache: 300 s
    assert httpx.get(box.url("/user/ada/api/status"), headers=headers).status_code == expected


def test_where_pkce_is_demanded_nobody_signs_in_to_a_server_that_does_not_send_it(
    box: Box,
) -> None:
    before = json.loads(box.file.read_text())
    config = before["hub"]["config"]
    strict = {**config, "JupyterHub": {**config["JupyterHub"], "oauth_require_pkce": True}}
    try:
        box.file.write_text(json.dumps({**before, "hub": {**before["hub"], "config": strict}}))
        assert box.hub("POST", "/reload")[0] == 200
        browser = box.browser("ada", fresh=True)
        page = browser.follow(browser.go("/user/ada/lab"))
        assert (page.status_code == 200) is box.generation.asks_for_pkce
        entered = ("jupyterhub-user-ada", "/user/ada/") in browser.cookies()
        assert entered is box.generation.asks_for_pkce
    finally:
        box.file.write_text(json.dumps(before))
        assert box.hub("POST", "/reload")[0] == 200


@pytest.mark.parametrize("trouble", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "is gone"])
def test_while_the_hub_is_away_kernels_and_pages_go_on(box: Box, trouble: signal.Signals) -> None:
    """Seconds here; that hours are as good is shown on `Visitors` with a clock of its own."""
    browser = box.browser("ada")
    browser.follow(browser.go("/user/ada/lab"))
    xsrf = browser.cookies()["_xsrf", "/user/ada/"]
    headers = {"Cookie": _cookies(browser), "X-XSRFToken": xsrf}
    with Kernel(box.url("/user/ada/"), headers) as kernel:
        kernel.run("x = 6")
        box.freeze(trouble)
        try:
            time.sleep(1.5)
            for _ in range(3):
                assert browser.go("/user/ada/lab").status_code == 200
                assert browser.fetch("/user/ada/api/contents").status_code == 200
                time.sleep(1.0)
            assert kernel.run("print(x * 7)") == "42\n"
            with Kernel(box.url("/user/ada/"), headers) as another:
                assert another.run("print(1)") == "1\n"
        finally:
            box.thaw(trouble)
    assert browser.go("/user/ada/lab").status_code == 200


def _cookies(browser: Browser) -> str:
    return "; ".join(
        f"{name}={value}" for (name, at), value in browser.cookies().items() if at != "/hub/"
    )
