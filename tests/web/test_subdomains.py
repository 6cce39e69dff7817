"""A host for each person: what browsers, servers and programs are told (hub.md 1.9)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from perijove.model.server import Phase, Server
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, PROXY_TOKEN
from tests.web.desk import PASSWORD, Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_leading import running, to
from tests.web.test_servers import until

SITE, OWN = "http://hub.test:18020", "http://u-linxiao--8b6a03f.hub.test:18020"
ADMIN = {"authorization": f"token {ADMIN_TOKEN}"}


@pytest.fixture(params=["/", "/jupyter/"])
async def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def desk(database: Database, tmp_path: Path, base: str) -> AsyncIterator[Desk]:
    config = {"JupyterHub": {"subdomain_host": SITE}}
    async with open_desk(database, tmp_path, offers=[], baseUrl=base, config=config) as it:
        await it.person("lin.xiao")
        yield it


@pytest.fixture
async def lin(desk: Desk) -> Browser:
    browser = Browser(desk)
    browser.base = browser.base.replace("http://perijove.test", SITE)
    browser.http.follow_redirects = False
    assert (await browser.sign_in("lin.xiao")).status_code == 302
    return browser


async def asked(desk: Desk, url: str, **headers: str) -> httpx.Response:
    """Ask as somebody who has no cookies."""
    transport = httpx.ASGITransport(app=desk.running.app)
    async with httpx.AsyncClient(transport=transport, headers=headers) as http:
        return await http.get(url)


async def test_the_session_is_told_to_all_hosts_and_the_sign_in_to_none(
    desk: Desk, base: str
) -> None:
    browser = Browser(desk)
    browser.base = browser.base.replace("http://perijove.test", SITE)
    browser.http.follow_redirects = False
    answer = await browser.sign_in("lin.xiao", PASSWORD)
    cookies = {it.partition("=")[0]: it for it in answer.headers.get_list("set-cookie")}
    assert "Domain=hub.test;" in cookies["jupyterhub-session-id"] + ";"
    assert f"Path={base};" in cookies["jupyterhub-session-id"] + ";"
    assert "Domain" not in cookies["jupyterhub-hub-login"]
    gone = (await browser.get("/logout")).headers.get_list("set-cookie")
    [session] = [it for it in gone if it.startswith("jupyterhub-session-id=")]
    assert "Domain=hub.test" in session, "else the browser would keep it"
    assert "Max-Age=0" in session


async def test_a_server_is_told_where_it_is(desk: Desk, base: str) -> None:
    await running(desk)
    spec = await spec_of(desk)
    told = {name.removeprefix("JUPYTERHUB_"): it for name, it in spec.environment.items()}
    assert told["HOST"] == SITE
    assert told["OAUTH_CALLBACK_URL"] == f"{OWN}{base}user/lin.xiao/oauth_callback"
    assert told["PUBLIC_URL"] == f"{OWN}{base}user/lin.xiao/"
    assert told["PUBLIC_HUB_URL"] == f"{SITE}{base}hub/"
    assert told["SERVICE_PREFIX"] == f"{base}user/lin.xiao/"


async def routed(desk: Desk, base: str) -> tuple[str, Server]:
    """Return the route of a server that runs, and its row, once the feed has heard of it."""
    key = f"/{urlsplit(OWN).hostname}{base}user/lin.xiao/"
    async with asyncio.timeout(20):
        while (server := desk.hub.feed.server(key)) is None:
            await asyncio.sleep(0.02)
    return key, server


async def spec_of(desk: Desk) -> Any:
    user = await desk.hub.accounts.named("lin.xiao")
    assert user
    server = await desk.hub.servers.find(user, "")
    assert server
    return desk.running.life.reconciler.launch(server)


async def test_programs_are_told_whole_addresses_and_proxies_hosts(desk: Desk, base: str) -> None:
    await running(desk)
    key, _ = await routed(desk, base)
    there = f"{OWN}{base}user/lin.xiao/"
    shown = (await asked(desk, f"{SITE}{base}hub/api/users/lin.xiao", **ADMIN)).json()
    assert shown["server"] == shown["servers"][""]["url"] == there
    assert shown["servers"][""]["full_url"] == there
    progress = f"{base}hub/api/users/lin.xiao/server/progress"
    assert shown["servers"][""]["progress_url"] == progress
    assert shown["servers"][""]["full_progress_url"] == SITE + progress
    events = (await asked(desk, SITE + progress, **ADMIN)).text
    assert f'"url": "{there}"' in events.replace('":"', '": "')
    proxy = {"authorization": f"token {PROXY_TOKEN}"}
    feed = (await asked(desk, f"{SITE}{base}hub/api/proxy/feed", **proxy)).json()
    assert set(feed["routes"]) == {"/", key}


async def test_what_is_used_there_counts_as_use(desk: Desk, base: str) -> None:
    await running(desk)
    key, server = await routed(desk, base)
    at = desk.hub.clock()
    desk.hub.activity.on_routes({key: at, f"{base}user/lin.xiao/": at, "/x/": at})
    assert desk.hub.activity.of_server(server) == at


async def test_a_person_is_led_to_their_host_and_back_to_the_hub(
    desk: Desk, lin: Browser, base: str
) -> None:
    there = f"{OWN}{base}user/lin.xiao/git-pull?repo=x"
    start = to(await lin.get("/user-redirect/git-pull?repo=x"))
    assert start == f"{base}hub/spawn/lin.xiao?next={quote(there, safe='')}"
    pending = to(await lin.http.get(SITE + start))
    assert parse_qs(urlsplit(pending).query) == {"next": [there]}
    await until(desk, "", Phase.RUNNING)
    on = to(await lin.http.get(SITE + pending))
    assert on == f"{base}user/lin.xiao/git-pull?repo=x", "the hub knows the host"
    inside = to(await lin.http.get(SITE + on))
    last = to(await lin.http.get(SITE + inside))
    assert last == f"{there}&redirects=1"
    assert to(await lin.get("/")) == f"{OWN}{base}user/lin.xiao/"
    home = (await lin.get("/home")).text
    assert f'href="{OWN}{base}user/lin.xiao/"' in home


async def test_pages_of_the_hub_are_at_its_own_host_only(desk: Desk, base: str) -> None:
    for path in ("hub/home", "hub/login?next=/x", "hub/user/lin.xiao/lab?a=%2F", "hub/nothing"):
        answer = await asked(desk, f"{OWN}{base}{path}")
        if path == "hub/nothing":
            assert answer.status_code == 404
            continue
        assert to(answer) == f"{SITE}{base}{path}"
    stopped = await asked(desk, f"{OWN}{base}user/lin.xiao/lab")
    assert to(stopped) == f"{base}hub/user/lin.xiao/lab"
    program = await asked(desk, f"{OWN}{base}hub/user/lin.xiao/api/status")
    assert program.status_code == 424, "a script cannot follow to another host"
    assert f"at {SITE}{base}hub/spawn/lin.xiao" in program.json()["message"]
    assert (await asked(desk, f"{OWN}{base}hub/api")).status_code == 200
    assert (await asked(desk, f"http://127.0.0.1:8081{base}hub/login")).status_code == 200
    css = await asked(desk, f"{OWN}{base}hub/logo")
    assert css.status_code == 200


async def test_a_form_at_the_host_of_a_server_is_nobodys(desk: Desk, lin: Browser) -> None:
    """A script of a server shares no cookie with the hub."""
    url = lin.base.replace(SITE, OWN)
    answer = await lin.http.post(f"{url}/start/lin.xiao", data={"_xsrf": "x"})
    assert answer.status_code == 403
    user = await desk.hub.accounts.named("lin.xiao")
    assert user
    assert await desk.hub.servers.of(user) == []
