"""What browsers may and may not: XSRF, cookies, redirects, stopped servers, signing in to them."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from perijove.app import Running
from perijove.http.cookies import LOGIN, SESSION, XSRF
from perijove.kit.tasks import in_background
from perijove.model.client import Client
from perijove.settings import of
from perijove.store import clients
from perijove.store.database import Database
from tests.browser import SITE, Browser
from tests.parts import hub, user

of({})  # settings read their tables when they are first used
JSON = {"content-type": "application/json"}


@pytest.fixture(params=["/", "/lab/"])
async def running(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    it = await hub(database, tree={"hub": {"baseUrl": request.param, "allowNamedServers": True}})
    async with in_background(it.life.run()):
        yield it


@pytest.fixture
async def ada(running: Running) -> Browser:
    browser = Browser(running)
    await browser.sign_in(await user(running, "ada"))
    return browser


async def client_of(running: Running, secret: str = "its-secret") -> Client:
    """Return the client that a running server of ada has."""
    owner = await user(running, "ada")
    await running.hub.servers.start(owner, "", {})
    server = await running.hub.servers.find(owner, "")
    assert server is not None
    found = await running.hub.grants.client(server.placement.client)
    assert found is not None
    known = Client(**{
        **{name: getattr(found, name) for name in found.__dataclass_fields__},
        "secret": hashlib.sha256(secret.encode()).hexdigest(),
    })  # fmt: skip
    await running.hub.accounts.database.write(*clients.put(known))
    return known


def question(client: Client, **more: str) -> dict[str, str]:
    return {
        "client_id": client.id,
        "redirect_uri": client.redirect_uri,
        "response_type": "code",
        "state": "s" * 4000,
        **more,
    }


async def redeemed(browser: Browser, **form: str) -> Any:
    return await browser.post("hub/api/oauth2/token", data=form)


MODES = [
    # mode, site, method, token sent, allowed
    ("", "", "GET", False, True),
    ("navigate", "none", "GET", False, True),
    ("navigate", "cross-site", "GET", False, True),
    ("cors", "same-origin", "GET", False, False),
    ("cors", "same-origin", "GET", True, True),
    ("same-origin", "same-origin", "GET", False, False),
    ("no-cors", "same-origin", "GET", False, True),
    ("no-cors", "cross-site", "GET", False, False),
    ("websocket", "same-origin", "GET", False, True),
    ("", "", "POST", False, False),
    ("navigate", "same-origin", "POST", False, False),
    ("no-cors", "same-origin", "POST", False, False),  # CVE-2026-40864
    ("cors", "same-origin", "POST", True, True),
    ("no-cors", "same-origin", "POST", True, True),
    ("", "", "DELETE", False, False),
    ("cors", "same-origin", "DELETE", True, True),
]


@pytest.mark.parametrize(("mode", "site", "method", "shown", "allowed"), MODES)
async def test_a_cookie_alone_moves_nothing(
    ada: Browser, mode: str, site: str, method: str, shown: int, allowed: int
) -> None:
    headers = {"sec-fetch-mode": mode, "sec-fetch-site": site} if mode else {}
    if shown:
        headers["x-xsrftoken"] = await ada.xsrf()
    path = "hub/api/users/ada/server" if method != "GET" else "hub/api/users/ada"
    answer = await ada.http.request(method, ada.base + path, headers=headers)
    assert (answer.status_code != 403) is bool(allowed), answer.text


async def test_a_token_needs_no_other_proof(running: Running) -> None:
    owner = await user(running, "ada")
    principal = (await running.hub.sessions.begin(owner, address="", agent=""))[0]
    visitor = await running.hub.sessions.visitor(principal)
    assert visitor
    _, secret = await running.hub.tokens.make(owner, by=visitor.principal)
    browser = Browser(running, authorization=f"BeArEr {secret}")
    headers = {"sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site"}
    assert (await browser.post("hub/api/users/ada/server", headers=headers)).status_code == 202


async def test_a_form_of_another_site_is_nobody(ada: Browser) -> None:
    value = await ada.xsrf()
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        headers = {"content-type": kind, "x-xsrftoken": value}
        answer = await ada.post("hub/api/users/ada/server", content="x=1", headers=headers)
        assert answer.status_code == 403
        assert answer.json()["message"] == "Missing or invalid credentials."
    good = {**JSON, "x-xsrftoken": value}
    assert (await ada.post("hub/api/users/ada/server", headers=good)).status_code == 202


async def test_a_cookie_that_a_neighbour_planted_is_ignored_and_replaced(
    running: Running, ada: Browser
) -> None:
    value = await ada.xsrf()
    eve = Browser(running)
    await eve.sign_in(await user(running, "eve"))
    hers = await eve.xsrf()
    planted = [hers, "2|1:0|forged", "x" * 5000, base64.urlsafe_b64encode(b"2|1:0|x").decode()]
    for forged in planted:
        cookies = "; ".join(f"{name}={it}" for name, it in ada.http.cookies.items() if name != XSRF)
        headers = {"cookie": f"{XSRF}={forged}; {cookies}", "x-xsrftoken": forged, **JSON}
        bare = Browser(running)
        answer = await bare.post("hub/api/users/ada/server", headers=headers)
        assert answer.status_code == 403, forged[:20]
    # The first whose signature verifies counts, so an unsigned one before it does no harm.
    cookies = "; ".join(f"{name}={it}" for name, it in ada.http.cookies.items() if name != XSRF)
    headers = {"cookie": f"{XSRF}=junk; {XSRF}={value}; {cookies}", "x-xsrftoken": value, **JSON}
    answer = await Browser(running).post("hub/api/users/ada/server", headers=headers)
    assert answer.status_code == 202


async def test_the_value_is_set_only_when_a_person_goes_to_a_page(running: Running) -> None:
    fetched = await Browser(running).get("hub/login", headers={"sec-fetch-mode": "cors"})
    assert XSRF not in fetched.cookies
    assert 'name="_xsrf" value=""' in fetched.text
    shown = await Browser(running).get("hub/login", headers={"sec-fetch-mode": "navigate"})
    (cookie,) = [it for it in shown.headers.get_list("set-cookie") if it.startswith(XSRF)]
    assert f"Path={running.hub.base_url}hub/" in cookie
    assert "Max-Age=3600" in cookie
    assert "HttpOnly" not in cookie


async def test_signing_in_sets_the_cookies_of_the_contract(running: Running) -> None:
    await running.hub.accounts.create("bob", password="a sentence works well")
    browser = Browser(running)
    value = (await browser.get("hub/login")).text.partition('name="_xsrf" value="')[2]
    form = {"username": "bob", "password": "a sentence works well"}
    refused = await browser.post("hub/login", data=form)
    assert refused.status_code == 403
    form["_xsrf"] = value.partition('"')[0]
    answer = await browser.post("hub/login?next=%2F%2Fevil.com", data=form)
    assert answer.status_code in {302, 303}
    assert not urlsplit(answer.headers["location"]).netloc
    cookies = {it.partition("=")[0]: it for it in answer.headers.get_list("set-cookie")}
    base = running.hub.base_url
    assert f"Path={base}hub/" in cookies[LOGIN]
    assert f"Path={base};" in cookies[SESSION] + ";"
    for name in (LOGIN, SESSION):
        assert "HttpOnly" in cookies[name]
        assert "samesite=lax" in cookies[name].lower()
        assert "Secure" not in cookies[name]


async def test_what_lies_outside_leads_to_the_hub(running: Running) -> None:
    browser, base = Browser(running), running.hub.base_url
    to = {
        base: f"{base}hub/",
        f"{base}user/bob/lab?x=%2F": f"{base}hub/user/bob/lab?x=%2F",
        f"{base}nothing": f"{base}hub/nothing",
    }
    for path, place in to.items():
        answer = await browser.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, place)
    bare = await browser.http.get(f"{base}hub")
    assert (bare.status_code, bare.headers["location"]) == (301, f"{base}hub/")
    assert not urlsplit((await browser.http.get(f"{base}/evil.com/x")).headers["location"]).netloc


async def test_every_answer_has_the_headers_of_the_contract(running: Running) -> None:
    browser = Browser(running)
    for path in ("hub/api", "hub/api/user", "hub/login", "hub/nothing", "hub/api/x", "x", "hub"):
        answer = await browser.get(path)
        assert answer.headers["x-jupyterhub-version"] == "6.1.1"
        assert answer.headers["access-control-allow-headers"]
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert f"report-uri {running.hub.base_url}hub/security/csp-report" in policy
        open_to = answer.headers.get("access-control-allow-origin")
        assert open_to == ("*" if path == "hub/api" else None)


async def test_a_stopped_server_is_424_for_people_and_programs(
    running: Running, ada: Browser
) -> None:
    base = running.hub.base_url
    page = await ada.get("hub/user/ada/lab/tree/x.ipynb?a=1")
    assert page.status_code == 424
    assert page.headers["content-type"].startswith("text/html")
    url = f"{SITE}{base}hub/spawn/ada"
    message = f"JupyterHub server no longer running at {base}user/ada/. Restart the server at {url}"
    stranger = Browser(running)
    asked = [
        await ada.get("hub/user/ada/api/status"),
        await ada.get("hub/user/ada/lab", headers={"accept": "application/json"}),
        await stranger.get("hub/user/ada/api/status"),
        await stranger.post("hub/user/ada/lab"),
        await stranger.post("user/ada/api/kernels"),
        await stranger.http.delete(f"{base}user/ada/x"),
    ]
    for answer in asked:
        assert (answer.status_code, answer.json()["message"]) == (424, message)
        assert answer.headers["x-jupyterhub-version"] == "6.1.1"
    to = await stranger.get("hub/user/ada/lab")
    here = quote(f"{base}hub/user/ada/lab", safe="")
    assert (to.status_code, to.headers["location"]) == (302, f"{base}hub/login?next={here}")


async def test_a_server_of_another_is_not_there(running: Running, ada: Browser) -> None:
    await user(running, "bob")
    for path in ("hub/user/bob/lab", "hub/user/nobody/lab", "hub/user/bob/api/x"):
        assert (await ada.get(path)).status_code == 404


async def test_a_running_server_is_one_redirect_away_and_not_for_ever(
    running: Running, ada: Browser
) -> None:
    owner, base = await user(running, "ada"), running.hub.base_url
    started = await running.hub.servers.start(owner, "", {})
    async for _ in running.hub.progress.of(started):
        pass
    on = await ada.get("hub/user/ada/lab?x=1")
    assert (on.status_code, on.headers["location"]) == (302, f"{base}user/ada/lab?x=1&redirects=1")
    loop = await ada.get("hub/user/ada/lab?redirects=4")
    assert loop.status_code == 500
    assert "Redirect loop detected" in loop.text


async def test_a_server_that_starts_is_waited_for(database: Database) -> None:
    still = await hub(database)  # nothing drives its servers
    ada = Browser(still)
    await ada.sign_in(await user(still, "ada"))
    await still.hub.servers.start(await user(still, "ada"), "", {})
    waits = await ada.get("hub/user/ada/lab?x=1")
    to = "/hub/spawn-pending/ada?next=" + quote("/user/ada/lab?x=1", safe="")
    assert (waits.status_code, waits.headers["location"]) == (303, to)
    program = await ada.get("hub/user/ada/api/status")
    assert (program.status_code, program.headers["retry-after"]) == (503, "2")


async def test_user_redirect_leads_to_ones_own_server(running: Running, ada: Browser) -> None:
    base = running.hub.base_url
    answer = await ada.get("hub/user-redirect/lab/tree/a%20b?x=1")
    to = f"{base}hub/spawn/ada?next=" + quote(f"{base}user/ada/lab/tree/a%20b?x=1", safe="")
    assert (answer.status_code, answer.headers["location"]) == (302, to)
    answer = await ada.get("hub/user-redirect/lab?x=%CA%B5%ff")  # a link of a page in GBK
    assert answer.headers["location"].endswith(quote("lab?x=%CA%B5%ff", safe=""))
    assert (await Browser(running).get("hub/user-redirect/lab")).status_code == 302


async def test_error_pages_for_the_proxy_are_200(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    await Browser(running).get("hub/error/503")
    assert "leads away" not in caplog.text
    for code in ("404", "500", "503", "999", "x"):
        answer = await Browser(running).get(f"hub/error/{code}?url=//evil.com/x")
        assert answer.status_code == 200
        assert '="//evil.com' not in answer.text


async def test_a_browser_enters_its_server_by_a_code(running: Running, ada: Browser) -> None:
    client = await client_of(running)
    at = await ada.get("hub/api/oauth2/authorize", params=question(client))
    assert at.status_code == 302
    path, _, query = at.headers["location"].partition("?")
    found = parse_qs(query)
    assert (path, found["state"]) == (client.redirect_uri, ["s" * 4000])
    form = {
        "client_id": client.id, "client_secret": "its-secret", "code": found["code"][0],
        "grant_type": "authorization_code", "redirect_uri": client.redirect_uri,
    }  # fmt: skip
    given = await redeemed(ada, **form)
    assert given.status_code == 200
    assert given.headers["cache-control"] == "no-store"
    body = given.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 1209600)
    assert "access:servers!server=ada/" in body["scope"].split()
    me = await Browser(running, authorization=f"token {body['access_token']}").get("hub/api/user")
    model = me.json()
    assert (model["name"], model["kind"]) == ("ada", "user")
    assert "access:servers!server=ada/" in model["scopes"]
    assert model["session_id"] == ada.http.cookies[SESSION]
    again = await redeemed(ada, **form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_the_token_endpoint_says_what_rfc_6749_says(running: Running, ada: Browser) -> None:
    client = await client_of(running)

    async def code(**more: str) -> str:
        at = await ada.get("hub/api/oauth2/authorize", params=question(client, **more))
        return parse_qs(at.headers["location"].partition("?")[2])["code"][0]

    good = {"client_id": client.id, "client_secret": "its-secret",
            "grant_type": "authorization_code"}  # fmt: skip
    table: list[tuple[dict[str, str], int, str]] = [
        ({}, 400, "unsupported_grant_type"),
        ({**good, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**good, "grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({**good, "grant_type": "refresh_token"}, 400, "unauthorized_client"),
        ({**good, "client_secret": "x", "code": "x"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, 401, "invalid_client"),
        ({**good, "client_id": "other", "code": "x"}, 401, "invalid_client"),
        ({**good, "code": "x"}, 400, "invalid_grant"),
        ({**good, "code": await code(), "redirect_uri": "/other"}, 400, "invalid_request"),
        ({**good, "code": await code(code_challenge="c")}, 400, "invalid_request"),
        (
            {**good, "code": await code(code_challenge="c"), "code_verifier": "d"},
            400,
            "invalid_grant",
        ),
    ]
    for form, status, error in table:
        answer = await redeemed(ada, **form)
        assert (answer.status_code, answer.json()["error"]) == (status, error), form
        assert ("www-authenticate" in answer.headers) is (status == 401)
    fine = await redeemed(ada, **good, code=await code(), code_verifier="unasked")
    assert fine.status_code == 200
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).decode().rstrip("=")
    proven = await code(code_challenge=challenge, code_challenge_method="S256")
    assert (await redeemed(ada, **good, code=proven, code_verifier="v" * 43)).status_code == 200
    assert (await ada.get("hub/api/oauth2/token")).status_code == 405


async def test_authorize_sends_nobody_where_it_should_not(running: Running, ada: Browser) -> None:
    client = await client_of(running)
    good = question(client)
    for wrong in ({"client_id": "jupyterhub"}, {"redirect_uri": "https://evil.com/"}):
        page = await ada.get("hub/api/oauth2/authorize", params={**good, **wrong})
        assert page.status_code == 400
        assert page.headers["content-type"].startswith("text/html")
    for wrong, error in (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "admin:users"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"code_challenge": "x", "code_challenge_method": "MD5"}, "invalid_request"),
    ):
        back = await ada.get("hub/api/oauth2/authorize", params={**good, **wrong})
        assert back.headers["location"].startswith(f"{client.redirect_uri}?error={error}")
    stranger = await Browser(running).get("hub/api/oauth2/authorize", params=good)
    assert stranger.headers["location"].startswith(f"{running.hub.base_url}hub/login?next=")
    bob = Browser(running)
    await bob.sign_in(await user(running, "bob"))
    assert (await bob.get("hub/api/oauth2/authorize", params=good)).status_code == 403


async def test_an_administrator_says_why_before_entering(running: Running) -> None:
    client = await client_of(running)
    root = Browser(running)
    await root.sign_in(await user(running, "root", admin=True))
    where = {"params": question(client)}
    asks = await root.get("hub/api/oauth2/authorize", **where)
    assert asks.status_code == 200
    assert (await root.post("hub/api/oauth2/authorize", **where)).status_code == 403
    form = {"_xsrf": await root.xsrf(), "why": "a CUDA error", "scopes": list(client.scopes)}
    gone = await root.post("hub/api/oauth2/authorize", **where, data=form)
    assert gone.headers["location"].startswith(f"{client.redirect_uri}?code=")
    (visit,) = await running.hub.visits.of_owner(await user(running, "ada"))
    assert (visit.visitor, visit.why) == ("root", "a CUDA error")
    again = await root.get("hub/api/oauth2/authorize", **where)
    assert again.status_code == 302


async def test_signing_out_ends_what_this_browser_was_given_and_no_more(
    running: Running, ada: Browser
) -> None:
    client, base = await client_of(running), running.hub.base_url
    other = Browser(running)
    await other.sign_in(await user(running, "ada"))
    form = {"client_id": client.id, "client_secret": "its-secret"}
    tokens = []
    for browser in (ada, other):
        at = await browser.get("hub/api/oauth2/authorize", params=question(client))
        code = parse_qs(at.headers["location"].partition("?")[2])["code"][0]
        given = await redeemed(browser, **form, grant_type="authorization_code", code=code)
        tokens.append(Browser(running, authorization=f"token {given.json()['access_token']}"))
    elsewhere = await ada.get("hub/logout", headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 200
    gone = await ada.get("hub/logout")
    assert gone.status_code in {302, 303}
    cleared = {it.partition("=")[0] for it in gone.headers.get_list("set-cookie")}
    assert {LOGIN, SESSION} <= cleared
    statuses = [(await token.get("hub/api/user")).status_code for token in tokens]
    assert statuses == [403, 200]
    assert (await other.get("hub/home")).status_code == 200
    assert (await ada.get("hub/home")).headers["location"].startswith(f"{base}hub/login")
