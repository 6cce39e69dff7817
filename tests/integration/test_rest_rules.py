"""The rules that hold for the whole REST API (hub.md 2.1, 2.2), and its small endpoints."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from perijove.app import Running
from perijove.http.cookies import LOGIN
from perijove.http.route import Route
from perijove.kit.tasks import in_background
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.integration.test_surface import NEAR
from tests.parts import ADMIN_TOKEN, PROXY_TOKEN, hub, services, user

TREE = services(
    people=("admin:users",), reader=("read:hub",), sees=("read:users",), starts=("servers",)
)
TREE["hub"]["config"] = {"JupyterHub": {"api_page_default_limit": 3, "api_page_max_limit": 5}}
of(TREE)  # settings read their tables when they are first used
PAGED = {"accept": "application/jupyterhub-pagination+json"}


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    for name in ("ada", "bob"):
        await user(it, name)
    async with in_background(it.life.run()):
        yield it


async def ask(
    running: Running, method: str, path: str, by: str = "", at: str = NEAR, **more: Any
) -> httpx.Response:
    token = {"": ADMIN_TOKEN, "proxy": PROXY_TOKEN}.get(by, f"{by}-token")
    client = Browser(running, at, authorization=f"token {token}").http
    return await client.request(method, f"/hub/api{path}", **more)


async def test_every_answer_is_dressed(running: Running) -> None:
    stranger = Browser(running)
    for method, path in (
        ("GET", ""), ("GET", "/"), ("GET", "/user"), ("GET", "/nothing"), ("PUT", "/users"),
        ("OPTIONS", "/users"), ("POST", "/users"), ("HEAD", "/health"),
    ):  # fmt: skip
        headers = (await stranger.http.request(method, f"/hub/api{path}")).headers
        assert headers["x-jupyterhub-version"] == "6.1.1", path
        assert headers["access-control-allow-headers"] == "accept, content-type, authorization"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'; report-uri /hub/security/csp-report" in policy
        assert policy.endswith("; default-src 'none'")
        any_site = headers.get("access-control-allow-origin")
        assert any_site == ("*" if method == "GET" and path in {"", "/"} else None), path


async def test_options_need_no_credentials_and_the_wrong_verb_is_405(running: Running) -> None:
    stranger = Browser(running)
    for template, row in running.app.rows:
        if not isinstance(row, Route) or "{*" in template:
            continue
        path = template.replace("{", "x").replace("}", "x")
        options = await stranger.http.options(path)
        assert (options.status_code, options.content) == (200, b""), template
        assert row.method in options.headers["allow"]
        wrong = await stranger.http.request("TRACE", path)
        assert (wrong.status_code, wrong.json()["status"]) == (405, 405), template


async def test_any_spelling_of_a_token_in_the_header_and_none_elsewhere(running: Running) -> None:
    stranger = Browser(running)
    for scheme in ("token", "Token", "TOKEN", "bearer", "Bearer"):
        headers = {"authorization": f"{scheme}  {ADMIN_TOKEN}"}
        assert (await stranger.get("hub/api/users", headers=headers)).status_code == 200, scheme
    for headers in (
        {"authorization": ADMIN_TOKEN},
        {"authorization": f"basic {ADMIN_TOKEN}"},
        {"authorization": f"token {ADMIN_TOKEN} x"},
        {"authorization": "token"},
        {},
    ):
        answer = await stranger.get(f"hub/api/users?token={ADMIN_TOKEN}", headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (
            403, "Missing or invalid credentials.",
        )  # fmt: skip


async def test_a_header_of_another_scheme_leaves_the_cookie_good_and_its_value_asked_for(
    running: Running,
) -> None:
    """A proxy in front may ask for a password of its own; what is to be a token must be one."""
    browser = Browser(running)
    await browser.sign_in(await user(running, "root", admin=True))
    xsrf = {"x-xsrftoken": await browser.xsrf()}
    by_script = {"sec-fetch-mode": "cors"}
    for header, status in (("Basic eDp5", 200), ("Negotiate x", 200), ("", 200), ("x", 200),
                           ("token x", 403), ("Bearer x", 403), ("TOKEN", 403), ("bearer x y", 403),
                           (f"token {ADMIN_TOKEN}", 200)):  # fmt: skip
        given = {"authorization": header, **by_script}
        assert (await browser.get("hub/api/users", headers=given | xsrf)).status_code == status
        made = await browser.post(f"hub/api/users/by-{len(header)}", headers=given)
        assert made.status_code == (201 if ADMIN_TOKEN in header else 403), header
    for name, status in (("zed", 201), ("Zed", 409)):
        given = {"authorization": "Basic eDp5", **by_script, **xsrf}
        assert (await browser.post(f"hub/api/users/{name}", headers=given)).status_code == status


async def test_a_token_needs_no_content_type_and_a_cookie_no_form(running: Running) -> None:
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "application/json"):
        headers = {"content-type": kind} if kind else {}
        body = b'{"usernames": ["new-%d"]}' % len(kind)
        made = await ask(running, "POST", "/users", content=body, headers=headers)
        assert made.status_code == 201, kind
    browser = Browser(running)
    await browser.sign_in(await user(running, "root", admin=True))
    xsrf = {"x-xsrftoken": await browser.xsrf()}
    for kind, status in (("application/json", 201), ("text/plain", 403),
                         ("application/x-www-form-urlencoded", 403)):  # fmt: skip
        made = await browser.post(
            "hub/api/users/eve", content=b"{}", headers={**xsrf, "content-type": kind}
        )
        assert made.status_code == status, kind


async def test_pages_are_as_long_as_the_configuration_says(running: Running) -> None:
    await running.hub.newcomers.add([f"u{n:02}" for n in range(10)])
    page = (await ask(running, "GET", "/users", headers=PAGED)).json()
    assert len(page["items"]) == page["_pagination"]["limit"] == 3
    assert (page["_pagination"]["total"], page["_pagination"]["offset"]) == (12, 0)
    assert len((await ask(running, "GET", "/users?limit=100", headers=PAGED)).json()["items"]) == 5
    assert len((await ask(running, "GET", "/users")).json()) == 5
    beyond = (await ask(running, "GET", "/users?offset=500", headers=PAGED)).json()
    assert (beyond["items"], beyond["_pagination"]["next"]) == ([], None)


async def test_the_next_page_is_where_the_client_has_asked(running: Running) -> None:
    """Behind a trusted proxy, that is what the client has asked there (hub.md 2.2)."""
    await running.hub.newcomers.add([f"u{n:02}" for n in range(10)])
    told = {"x-forwarded-proto": "https", "x-forwarded-host": "hub.example.org:8443"}
    path = "/users?limit=2&state=inactive&sort=-name"
    for at, site in ((NEAR, "https://hub.example.org:8443"), ("203.0.113.9", "http://hub.test")):
        page = (await ask(running, "GET", path, at=at, headers={**PAGED, **told})).json()
        url = page["_pagination"]["next"]["url"]
        begun = f"{site}/hub/api/users?state=inactive&sort=-name&offset=2&limit=2&after="
        assert url.startswith(begun)


async def test_routes_come_by_pages_too(running: Running) -> None:
    for name in ("ada", "bob"):
        await ask(running, "POST", f"/users/{name}/server")
    await running.hub.feed.refresh()
    plain = (await ask(running, "GET", "/proxy", "proxy")).json()
    page = (await ask(running, "GET", "/proxy?limit=1", "proxy", headers=PAGED)).json()
    assert list(page["items"]) == ["/"]
    assert page["items"]["/"]["data"] == {"hub": True}
    assert page["_pagination"]["total"] == len(plain)
    for bad in ("limit=x", "offset=1.5"):
        assert (await ask(running, "GET", f"/proxy?{bad}", "proxy")).status_code == 400


async def test_the_routes_are_looked_at_when_asked(running: Running) -> None:
    assert (await ask(running, "POST", "/proxy", "proxy")).content == b""
    assert (await ask(running, "POST", "/proxy", "people")).status_code == 403


async def test_our_own_proxy_needs_no_telling(running: Running) -> None:
    for body, status in (
        ({"api_url": "http://evil.example:1", "auth_token": "x"}, 200),  # told to nobody
        ({}, 200),
        ({"api_url": 1}, 400),
        ([], 400),
    ):
        answer = await ask(running, "PATCH", "/proxy", "proxy", json=body)
        assert answer.status_code == status, body


async def test_admin_access_is_of_before_and_closed(running: Running) -> None:
    answer = await ask(running, "POST", "/users/ada/admin-access")
    assert (answer.status_code, answer.json()["code"]) == (403, "admin-access")
    assert (await ask(running, "POST", "/users/nobody/admin-access")).status_code == 404
    assert (await ask(running, "POST", "/users/ada/admin-access", "reader")).status_code == 403


async def test_whose_a_token_is_can_still_be_asked_the_old_way(running: Running) -> None:
    owner = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert owner
    _, secret = await running.hub.tokens.make(await user(running, "ada"), by=owner)
    shown = await ask(running, "GET", f"/authorizations/token/{secret}", "reader")
    assert (shown.status_code, shown.json()["name"]) == (200, "ada")
    assert shown.json().keys() == {"kind", "name", "user_info", "admin", "groups"}
    service = (await ask(running, "GET", "/authorizations/token/sees-token", "reader")).json()
    assert service == {"kind": "service", "name": "sees", "admin": False}
    for token in ("nonsense", "x" * 5000, "%00", "%ff"):
        answer = await ask(running, "GET", f"/authorizations/token/{token}", "reader")
        assert answer.status_code in {400, 404}, token
    stranger = await Browser(running).get(f"hub/api/authorizations/token/{secret}")
    assert stranger.status_code == 403


async def test_whose_a_cookie_is_can_still_be_asked_the_old_way(running: Running) -> None:
    browser = Browser(running)
    await browser.sign_in(await user(running, "ada"))
    value = browser.http.cookies[LOGIN]
    path = f"/authorizations/cookie/{LOGIN}"
    for where, body in ((f"{path}/{value}", None), (path, value.encode())):
        shown = await ask(running, "GET", where, "sees", content=body)
        assert (shown.status_code, shown.json()["name"]) == (200, "ada")
        assert (await ask(running, "GET", where, "reader", content=body)).status_code == 404
    assert (await ask(running, "GET", f"{path}/nonsense", "sees")).status_code == 404
    other = f"/authorizations/cookie/other/{value}"
    assert (await ask(running, "GET", other, "sees")).status_code == 404
    assert (await browser.get(f"hub/api{path}/{value}")).status_code == 403


async def test_what_is_wrong_with_each_of_many_names_is_told(running: Running) -> None:
    names = ["Ada", "new", "a/b", "\uff42ob", "", "new", "NEW"]
    refused = await ask(running, "POST", "/users", "people", json={"usernames": names})
    assert refused.status_code == 400
    told = {it["name"]: it["code"] for it in refused.json()["failures"]}
    assert told == {"a/b": "name.slash", "": "name.empty"}
    assert "Invalid usernames" in refused.json()["message"]
    assert await running.hub.accounts.named("new") is None
    some = await ask(running, "POST", "/users?failures", "people", json={"usernames": names})
    assert some.status_code == 201
    assert [it["name"] for it in some.json()["users"]] == ["new"]
    told = {it["name"]: it["code"] for it in some.json()["failures"]}
    assert told == {
        "a/b": "name.slash", "": "name.empty", "Ada": "name.taken", "\uff42ob": "name.look-alike",
    }  # fmt: skip
    assert all(it["message"] for it in some.json()["failures"])
    again = await ask(running, "POST", "/users", "people", json={"usernames": ["ada", "bob"]})
    assert again.status_code == 409
    assert {it["name"] for it in again.json()["failures"]} == {"ada", "bob"}
    part = await ask(running, "POST", "/users", "people", json={"usernames": ["ada", "carl"]})
    assert (part.status_code, [it["name"] for it in part.json()]) == (201, ["carl"])


async def test_new_people_may_be_described_as_jupyterhub_lets_them(running: Running) -> None:
    body = {"name": "eve", "admin": False, "groups": [], "roles": [], "auth_state": {}}
    assert (await ask(running, "POST", "/users/eve", "people", json=body)).status_code == 201
    for odd in ({"unknown": 1}, {"admin": "yes"}, {"groups": "x"}, {"usernames": ["x"]}):
        answer = await ask(running, "POST", "/users/kim", "people", json=odd)
        assert answer.status_code == 400, odd
    root = await ask(running, "POST", "/users/root", json={"admin": True})
    assert (root.status_code, root.json()["admin"]) == (201, True)
    assert "admin" in root.json()["roles"]
