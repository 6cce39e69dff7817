"""What cookies are like, and where the hub is, when the settings say so (hub.md 4.2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN
from tests.web.desk import PASSWORD, Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_leading import running
from tests.web.test_subdomains import asked, spec_of


@asynccontextmanager
async def at(
    database: Database, folder: Path, site: str, base: str = "/", **traits: Any
) -> AsyncIterator[tuple[Desk, Browser]]:
    """Yield a desk with these traits of JupyterHub, and a browser that opens it at `site`."""
    config = {"JupyterHub": traits}
    async with open_desk(database, folder, offers=[], baseUrl=base, config=config) as desk:
        await desk.person("lin.xiao")
        browser = Browser(desk)
        browser.base = browser.base.replace("http://perijove.test", site)
        browser.http.follow_redirects = False
        yield desk, browser


async def given(browser: Browser) -> dict[str, str]:
    """Sign in; return the cookies that are set, by name, as they are written."""
    shown = await browser.get("/login")
    answer = await browser.sign_in("lin.xiao", PASSWORD)
    assert answer.status_code == 302, answer.text[:300]
    every = [*shown.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]
    return {it.partition("=")[0]: it.lower() for it in every}


async def test_no_neighbour_can_set_cookies_that_begin_with_host(
    database: Database, tmp_path: Path
) -> None:
    site = "https://hub.test"
    on = {"cookie_host_prefix_enabled": True, "subdomain_host": site}
    async with at(database, tmp_path, site, "/jupyter/", **on) as (desk, browser):
        cookies = await given(browser)
        for name in ("__Host-jupyterhub-hub-login", "__Host-_xsrf"):
            told = cookies[name] + ";"
            assert "path=/;" in told, told
            assert "secure;" in told
            assert "domain" not in told
        assert {"jupyterhub-hub-login", "_xsrf"}.isdisjoint(cookies)
        assert "domain=hub.test;" in cookies["jupyterhub-session-id"] + ";"
        assert (await browser.get("/home")).status_code == 200
        secret = browser.http.cookies["__Host-jupyterhub-hub-login"]
        bare = {"cookie": f"jupyterhub-hub-login={secret}"}
        assert (await asked(desk, browser.base + "/home", **bare)).status_code == 302
        good = {"cookie": f"__Host-jupyterhub-hub-login={secret}"}
        assert (await asked(desk, browser.base + "/home", **good)).status_code == 200
        await running(desk)
        told = (await spec_of(desk)).environment
        assert told["JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED"] == "1"
        gone = (await browser.get("/logout")).headers.get_list("set-cookie")
        assert sum("Max-Age=0" in it for it in gone) == 3


async def test_options_of_cookies_are_those_of_all_of_them(
    database: Database, tmp_path: Path
) -> None:
    options = {"cookie_options": {"SameSite": "Strict", "secure": True}}
    site = "http://perijove.test"
    async with at(database, tmp_path, site, tornado_settings=options) as (desk, browser):
        for name, told in (await given_over_http(browser)).items():
            assert "samesite=strict" in told, name
            assert "secure" in told, name
        await running(desk)
        told = (await spec_of(desk)).environment
        assert told["JUPYTERHUB_COOKIE_OPTIONS"] == '{"samesite": "Strict", "secure": true}'
        assert told["JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED"] == "0"


async def given_over_http(browser: Browser) -> dict[str, str]:
    """Return the cookies of the page of signing in: secure ones are not sent back over http."""
    shown = await browser.get("/login")
    return {it.partition("=")[0]: it.lower() for it in shown.headers.get_list("set-cookie")}


async def test_a_public_address_is_believed_whatever_the_request_says(
    database: Database, tmp_path: Path
) -> None:
    site = "https://lab.example"
    async with at(database, tmp_path, "http://10.0.0.1:8081", public_url=f"{site}/") as (desk, _):
        answer = await asked(desk, "http://10.0.0.1:8081/hub/login")
        assert all("secure" in it.lower() for it in answer.headers.get_list("set-cookie"))
        await running(desk)
        told = (await spec_of(desk)).environment
        assert told["JUPYTERHUB_HOST"] == site
        assert told["JUPYTERHUB_PUBLIC_URL"] == f"{site}/user/lin.xiao/"
        assert told["JUPYTERHUB_PUBLIC_HUB_URL"] == f"{site}/hub/"
        assert told["JUPYTERHUB_OAUTH_CALLBACK_URL"] == "/user/lin.xiao/oauth_callback"
        admin = {"authorization": f"token {ADMIN_TOKEN}"}
        shown = (await asked(desk, "http://10.0.0.1:8081/hub/api/users/lin.xiao", **admin)).json()
        server = shown["servers"][""]
        assert (server["url"], server["full_url"]) == (
            "/user/lin.xiao/", f"{site}/user/lin.xiao/",
        )  # fmt: skip
        gone = await asked(desk, "http://10.0.0.1:8081/hub/user/lin.xiao/none/api/x")
        assert f"at {site}/hub/spawn/lin.xiao" in gone.json()["message"]
