"""What holds for the whole surface: reasons, languages, proxies before us, logs, activity."""

import json
import logging
import re
from collections.abc import Callable

import httpx
import pytest

from perijove.app import Running
from perijove.core import sessions, tokens
from perijove.http.cookies import LOGIN
from perijove.http.page import Page
from perijove.http.route import Route
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, user

of({})  # settings read their tables when they are first used
NEAR = "127.0.0.1"
"""Where our own proxy connects from: it is trusted."""
VALUE = re.compile(r'name="_xsrf" value="([^"]+)"')
WORD = re.compile(r"\w{2,}")
PAGED = {"accept": "application/jupyterhub-pagination+json"}


@pytest.fixture
async def running(database: Database) -> Running:
    it = await hub(database)
    await it.hub.accounts.create("ada", password="a sentence works well")
    return it


def _ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [it.getMessage() for it in caplog.records if it.name.startswith("perijove")]


async def sign_in(browser: Browser, name: str, password: str, **headers: str) -> httpx.Response:
    shown = await browser.get("hub/login", headers=headers)
    found = VALUE.search(shown.text)
    assert found
    form = {"username": name, "password": password, "_xsrf": found[1]}
    for cookie in shown.headers.get_list("set-cookie"):
        if "Secure" in cookie:  # the browser has come by https, this connection is another's
            headers = {**headers, "cookie": cookie.partition(";")[0]}
    return await browser.post("hub/login", data=form, headers=headers)


async def test_every_url_is_described_or_says_why_it_is_there(running: Running) -> None:
    document = (await Browser(running).get("hub/api/openapi.json")).json()
    for template, row in running.app.rows:
        if isinstance(row, Route):
            operation = document["paths"][template][row.method.lower()]
            reason = f"{operation['summary']} {operation['description']}"
        else:
            reason = f"{row.handler.__doc__ or ''} {row.public}"
        assert len(WORD.findall(reason)) >= 3, f"{row.method} {template} has no reason"
        for why in (row.public, *((row.forged,) if isinstance(row, Page) else (row.known,))):
            assert not why or len(WORD.findall(why)) >= 3, f"{row.method} {template}: {why}"


async def test_a_page_that_is_not_public_is_for_who_has_signed_in(running: Running) -> None:
    walked = 0
    for template, row in running.app.rows:
        if isinstance(row, Page) and not row.public:
            path = re.sub(r"\{\*?(\w+)\}", "ada", template)
            answer = await Browser(running).http.request(row.method, path)
            if row.method == "GET":
                to = answer.headers["location"]
                assert (answer.status_code, to.partition("?")[0]) == (302, "/hub/login"), path
            else:
                assert answer.status_code == 403, path
            walked += 1
    assert walked > 20


async def test_a_post_that_needs_no_xsrf_value_says_why(running: Running) -> None:
    ada = Browser(running)
    await ada.sign_in(await user(running, "ada"))
    for template, row in running.app.rows:
        if isinstance(row, Page) and row.method != "GET" and not (row.forged or row.same):
            path = re.sub(r"\{\*?(\w+)\}", "ada", template)
            answer = await ada.http.request(row.method, path)
            assert answer.status_code == 403, f"{row.method} {path}"


@pytest.mark.parametrize("path", ["users/nobody", "users/ada/server/progress", "x", "user"])
async def test_a_message_follows_the_reader_and_a_code_never_changes(
    running: Running, path: str
) -> None:
    token = {} if path == "user" else {"authorization": f"token {ADMIN_TOKEN}"}
    shown = {}
    for language in ("", "en", "fr", "zh", "zh-CN,zh;q=0.9,en;q=0.8", "en,zh;q=0.5"):
        headers = {**token, **({"accept-language": language} if language else {})}
        answer = await Browser(running).get(f"hub/api/{path}", headers=headers)
        assert answer.headers["content-type"] == "application/problem+json"
        shown[language] = answer.json()
    for key in ("code", "type", "status", "title", "params"):
        assert len({json.dumps(it[key]) for it in shown.values()}) == 1, key
    chinese = {language for language, it in shown.items() if re.search("[一-鿿]", it["message"])}
    assert chinese == {"zh", "zh-CN,zh;q=0.9,en;q=0.8"}
    assert len({it["message"] for it in shown.values()}) == 2


async def test_a_name_of_a_million_letters_does_not_fill_the_log(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2026-54338."""
    caplog.set_level(logging.DEBUG)
    for size, status, by_api in ((1_000_000, 413, 413), (60_000, 403, 400)):
        name = "evil\n" + "x" * size
        refused = await sign_in(Browser(running), name, "wrong")
        assert (refused.status_code, len(refused.text) < 50_000) == (status, True)
        auth = {"auth": {"username": name, "password": "wrong"}}
        answer = await Browser(running).post("hub/api/users/ada/tokens", json=auth)
        assert (answer.status_code, len(answer.text) < 1000) == (by_api, True)
    ours = _ours(caplog)
    said = [it for it in ours if "sign-in failed for" in it]
    assert said
    assert all(it.count("x") <= 100 and "\n" not in it and len(it) < 200 for it in ours)


async def test_who_is_not_our_proxy_does_not_say_where_it_comes_from(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    told = {"x-forwarded-for": "6.6.6.6, 198.51.100.7", "x-forwarded-proto": "https",
            "x-forwarded-host": "lab.example"}  # fmt: skip
    seen = {}
    for peer in (NEAR, "203.0.113.9"):
        browser = Browser(running, peer)
        caplog.clear()
        assert (await sign_in(browser, "ada", "wrong", **told)).status_code == 403
        address = _ours(caplog)[-1].rpartition(" ")[2]
        entered = await sign_in(browser, "ada", "a sentence works well", **told)
        (cookie,) = [it for it in entered.headers.get_list("set-cookie") if it.startswith(LOGIN)]
        headers = {**told, **PAGED, "authorization": f"token {ADMIN_TOKEN}"}
        await user(running, "bob")
        page = (await browser.get("hub/api/users?limit=1", headers=headers)).json()
        url = page["_pagination"]["next"]["url"]
        seen[peer] = (address, "Secure" in cookie, url.partition("/hub/")[0])
    assert seen == {
        NEAR: ("198.51.100.7", True, "https://lab.example"),
        "203.0.113.9": ("203.0.113.9", False, "http://hub.test"),
    }


@pytest.mark.parametrize("told", ["", "nonsense", "6.6.6.6, nonsense", ",", "127.0.0.1"])
async def test_what_our_proxy_passes_on_may_be_nonsense(
    running: Running, caplog: pytest.LogCaptureFixture, told: str
) -> None:
    headers = {"x-forwarded-for": told, "x-forwarded-proto": told, "x-forwarded-host": told}
    assert (await sign_in(Browser(running, NEAR), "ada", "no", **headers)).status_code == 403
    assert _ours(caplog)[-1].endswith(f"from {NEAR}")


async def test_nothing_is_changed_at_an_address_that_is_not_below_the_hub(running: Running) -> None:
    """What stands in front may let in nobody from elsewhere to /hub/api."""
    token = {"authorization": f"token {ADMIN_TOKEN}"}
    await user(running, "ada")
    for method, path in (
        ("POST", "/api/users/bob"), ("DELETE", "/api/users/ada"), ("POST", "/login"),
        ("POST", "/userx/ada"), ("POST", "/services/x"), ("PUT", "/"),
    ):  # fmt: skip
        answer = await Browser(running).http.request(method, path, headers=token)
        assert answer.status_code == 404, path
    assert [it.name for it in await running.hub.accounts.all()] == ["ada"]


async def test_asking_for_a_server_is_no_activity(running: Running) -> None:
    ada = await user(running, "ada")
    browser = Browser(running)
    await browser.sign_in(ada)
    token = {"authorization": f"token {await own_token(running)}"}
    for method, path, headers in (
        ("GET", "hub/user/ada/lab", {}),
        ("GET", "hub/user/ada/api/status", {}),
        ("POST", "user/ada/api/kernels", {}),
        ("GET", "hub/user/ada/api/status", token),
        ("POST", "hub/user/ada/api/kernels", token),
    ):
        answer = await browser.http.request(method, f"/{path}", headers=headers)
        assert answer.status_code == 424
        assert running.hub.activity.of_user(ada) is None, path
    await browser.get("hub/home")
    assert running.hub.activity.of_user(ada) is not None


async def own_token(running: Running) -> str:
    owner = await user(running, "ada")
    secret, _ = await running.hub.sessions.begin(owner, address="", agent="")
    visitor = await running.hub.sessions.visitor(secret)
    assert visitor
    _, made = await running.hub.tokens.make(owner, by=visitor.principal)
    return made


async def test_reports_of_browsers_are_counted_and_written_down_short(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    where = f"http://hub.test/hub/accept-share?code=A-SECRET\nFAKE LINE{'y' * 50_000}"
    blocked, directive = "https://elsewhere.test/x.png?also=A-SECRET", "img-src 'self'"
    report = {
        "csp-report": {
            "document-uri": where, "violated-directive": directive, "blocked-uri": blocked,
        }
    }  # fmt: skip
    for kind in ("application/csp-report", "application/json", "text/plain"):
        sent = await Browser(running).post(
            "hub/security/csp-report", content=json.dumps(report), headers={"content-type": kind}
        )
        assert (sent.status_code, sent.content) == (204, b"")
    told = [it for it in caplog.messages if "broke its policy" in it]
    assert len(told) == 3
    assert all(len(it) < 500 and "\n" not in it for it in told)
    assert all("img-src 'self' at http://hub.test/hub/accept-share by" in it for it in told)
    assert "A-SECRET" not in caplog.text
    large = await Browser(running).post("hub/security/csp-report", content=b"x" * 2_000_000)
    assert large.status_code == 413
    raw = await Browser(running).post("hub/security/csp-report", content=b"\xff\x00\r\n")
    assert raw.status_code == 204
    deep = await Browser(running).post("hub/security/csp-report", content=b"[" * 60_000)
    assert deep.status_code == 204
    token = {"authorization": f"token {ADMIN_TOKEN}"}
    text = (await Browser(running).get("hub/metrics", headers=token)).text
    assert "jupyterhub_csp_reports_total 5.0" in text


async def test_redirects_have_the_status_that_the_contract_gives_them(running: Running) -> None:
    stranger, ada = Browser(running), Browser(running)
    await ada.sign_in(await user(running, "ada"))
    here = "/hub/login?next="
    for browser, path, status, to in (
        (stranger, "", 302, "/hub/"),
        (stranger, "hub", 301, "/hub/"),
        (stranger, "hub/", 302, f"{here}%2Fhub%2F"),
        (stranger, "hub/home", 302, f"{here}%2Fhub%2Fhome"),
        (stranger, "hub/spawn", 302, f"{here}%2Fhub%2Fspawn"),
        (stranger, "hub/user-redirect/lab?x=1", 302, f"{here}%2Fhub%2Fuser-redirect%2Flab%3Fx%3D1"),
        (ada, "hub/login", 302, None),
        (ada, "hub/login?next=%2Fhub%2Ftoken", 302, "/hub/token"),
        (ada, "hub/user-redirect/lab", 302, "/hub/spawn/ada?next=%2Fuser%2Fada%2Flab"),
        (ada, "hub/logout", 302, None),
    ):
        answer = await browser.get(path)
        assert answer.status_code == status, path
        if to is not None:
            assert answer.headers["location"] == to, path
        assert answer.headers["location"].startswith("/hub"), path


async def test_what_is_too_long_for_a_token_is_not_even_hashed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    for module in (tokens, sessions):
        real = module.digest

        def counted(secret: str, real: Callable[[str], str] = real) -> str:
            hashed.append(len(secret))
            return real(secret)

        monkeypatch.setattr(module, "digest", counted)
    for size in (10, 60_000):
        headers = {"authorization": f"token {'x' * size}"}
        assert (await Browser(running).get("hub/api/user", headers=headers)).status_code == 403
        cookie = {"cookie": f"{LOGIN}={'x' * size}"}
        assert (await Browser(running).get("hub/home", headers=cookie)).status_code == 302
    assert hashed == [10, 10]
