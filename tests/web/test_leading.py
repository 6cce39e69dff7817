"""Where people are led: after signing in and out, by links, to servers that do not run."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from perijove.model.server import Phase
from perijove.store import servers
from perijove.store.database import Database
from tests.integration.test_ask import server
from tests.web.desk import PASSWORD, PROFILES, Browser, Desk
from tests.web.desk import desk as open_desk
from tests.web.test_servers import until

BASES = ("/", "/jupyter/")


@asynccontextmanager
async def entered(
    database: Database, folder: Path, *, offers: Any = (), **keys: Any
) -> AsyncIterator[tuple[Desk, Browser]]:
    """Yield a desk with these keys of `hub`, and a browser in which lin.xiao has signed in."""
    async with open_desk(database, folder, offers=offers, **keys) as desk:
        await desk.person("lin.xiao")
        lin = Browser(desk)
        secret, session = await desk.hub.sessions.begin(
            await owner(desk), address="203.0.113.24", agent=""
        )
        lin.http.cookies.set("jupyterhub-hub-login", secret, path=f"{desk.hub.base_url}hub/")
        lin.http.cookies.set("jupyterhub-session-id", session.session, path=desk.hub.base_url)
        lin.http.follow_redirects = False
        lin.http.base_url = "http://perijove.test"
        yield desk, lin


async def owner(desk: Desk) -> Any:
    found = await desk.hub.accounts.named("lin.xiao")
    assert found
    return found


async def running(desk: Desk, name: str = "") -> None:
    await desk.hub.servers.start(await owner(desk), name, {})
    await until(desk, name, Phase.RUNNING)


async def options_of(desk: Desk, name: str = "") -> Mapping[str, Any] | None:
    server = await desk.hub.servers.find(await owner(desk), name)
    return server.user_options if server and server.phase is not Phase.STOPPED else None


def to(answer: httpx.Response, status: int = 302) -> str:
    assert answer.status_code == status, answer.text[:500]
    return answer.headers["location"]


# -- after signing in -----------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("keys", "stopped", "up"),
    [
        ({}, "hub/home", "user/lin.xiao/"),
        ({"redirectToServer": True}, "hub/spawn", "user/lin.xiao/"),
        ({"redirectToServer": False}, "hub/home", "hub/home"),
        ({"config": {"JupyterHub": {"redirect_to_server": False}}}, "hub/home", "hub/home"),
        ({"config": {"JupyterHub": {"default_url": "/there"}}}, "/there", "/there"),
    ],
)
async def test_the_settings_say_where_one_comes_to(
    database: Database, tmp_path: Path, base: str, keys: Any, stopped: str, up: str
) -> None:
    async with entered(database, tmp_path, baseUrl=base, **keys) as (desk, lin):
        for wanted, starts in ((stopped, True), (up, False)):
            where = wanted if wanted.startswith("/") else base + wanted
            assert to(await lin.get("/")) == where
            assert to(await lin.get("/login")) == where
            assert to(await lin.get("/?x=1&_xsrf=z")) == f"{where}?x=1"
            new = Browser(desk)
            new.http.follow_redirects = False
            form = {"username": "lin.xiao", "password": PASSWORD}
            assert to(await new.post("/login", "/login", **form)) == where
            if starts:
                await running(desk)


# -- /user-redirect -------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
async def test_a_link_to_everybodys_own_server_goes_by_the_start_page(
    database: Database, tmp_path: Path, base: str
) -> None:
    """As hub.md 4.1 traced it: nbgitpuller and JupyterLab make such links."""
    link = "/user-redirect/git-pull?repo=https%3A%2F%2Fexample.org%2Fx&urlpath=lab%2Ftree%2Fx%20y"
    async with entered(database, tmp_path, baseUrl=base) as (desk, lin):
        there = f"{base}user/lin.xiao/git-pull?{link.partition('?')[2]}"
        start = to(await lin.get(link))
        assert start == f"{base}hub/spawn/lin.xiao?next={quote(there, safe='')}"
        pending = to(await lin.http.get(start))
        assert urlsplit(pending).path == f"{base}hub/spawn-pending/lin.xiao"
        assert parse_qs(urlsplit(pending).query) == {"next": [there]}
        await until(desk, "", Phase.RUNNING)
        assert to(await lin.http.get(pending)) == there
        assert to(await lin.http.get(start)) == there, "who has a server is not kept waiting"
        for bare in ("/user-redirect", "/user-redirect/"):
            assert to(await lin.get(bare)).endswith(quote(f"{base}user/lin.xiao/", safe=""))
        anonymous = Browser(desk)
        anonymous.http.follow_redirects = False
        here = quote(f"{base}hub{link}", safe="")
        assert to(await anonymous.get(link)) == f"{base}hub/login?next={here}"


async def test_such_a_link_can_lead_to_a_named_server(database: Database, tmp_path: Path) -> None:
    config = {"JupyterHub": {"default_server_name": "lab2"}}
    async with entered(database, tmp_path, config=config) as (_, lin):
        there = quote("/user/lin.xiao/lab2/lab/tree/a%2Fb?x=1", safe="")
        start = to(await lin.get("/user-redirect/lab/tree/a%2Fb?x=1"))
        assert start == f"/hub/spawn/lin.xiao/lab2?next={there}"


# -- /spawn ---------------------------------------------------------------------------------------

DEEP = {"profile": "deep", "image": "old"}


@pytest.mark.parametrize(
    "query",
    [
        "opt-profile=deep&opt-image=old",
        "opt-profile=deep&opt-profile-option-deep--image=old",
        "opt-profile=deep&opt-profile-option-deep--image=old&opt-profile-option-data-science--x=1",
        "profile=deep&profile-option-deep--image=old",
    ],
)
async def test_a_link_starts_a_server_with_options(
    database: Database, tmp_path: Path, query: str
) -> None:
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        own = to(await lin.get(f"/spawn?{query}&next=/user/lin.xiao/lab&x=1"))
        answer = to(await lin.http.get(own))
        assert urlsplit(answer).path == "/hub/spawn-pending/lin.xiao"
        assert parse_qs(urlsplit(answer).query) == {"next": ["/user/lin.xiao/lab"], "x": ["1"]}
        assert await options_of(desk) == DEEP


async def test_an_unlisted_choice_in_a_link_is_checked_as_in_the_form(
    database: Database, tmp_path: Path
) -> None:
    free = "opt-profile=deep&opt-image=unlisted-choice&opt-image--unlisted-choice"
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        bad = await lin.get(f"/spawn/lin.xiao?{free}=evil/image")
        assert bad.status_code == 400
        assert "Only images below lab/ can be used." in bad.text
        assert await options_of(desk) is None
        assert to(await lin.get(f"/spawn/lin.xiao?{free}=lab/torch:1"))
        assert await options_of(desk) == {
            "profile": "deep",
            "image": "unlisted-choice",
            "image--unlisted-choice": "lab/torch:1",
        }


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_link_of_another_site_starts_nothing_that_is_not_on_the_list(
    database: Database, tmp_path: Path, site: str
) -> None:
    path = "/hub/spawn/lin.xiao?opt-profile=deep&opt-image=unlisted-choice"
    path += "&opt-image--unlisted-choice=lab/torch:1"
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        shown = await lin.http.get(path, headers={"sec-fetch-site": site})
        assert shown.status_code == 200
        assert "lab/torch:1" in shown.text, "it is there to be looked at"
        assert await options_of(desk) is None
        listed = "/hub/spawn/lin.xiao?opt-profile=deep"
        assert to(await lin.http.get(listed, headers={"sec-fetch-site": site}))


@pytest.mark.parametrize(
    "query",
    [
        "opt-profile=none",
        "opt-profile=deep&opt-image=none",
        "opt-cpu_limit=99",
        "opt-__jupyterhub_bytes__=1",
        "opt-profile=%00",
        "opt-profile=" + "x" * 3000,
        "profile=%F0%9F%A6%84",
    ],
)
async def test_options_that_do_not_exist_start_nothing_and_say_why(
    database: Database, tmp_path: Path, query: str
) -> None:
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        page = await lin.get(f"/spawn/lin.xiao?{query}")
        assert page.status_code == 400
        assert 'role="alert"' in page.text
        assert 'action="/hub/spawn/lin.xiao"' in page.text, "the form does not send them again"
        assert await desk.hub.servers.of(await owner(desk)) == []


async def test_what_a_link_holds_besides_options_starts_nothing_where_one_can_choose(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        for query in ("", "?utm_source=x", "?image=old", "?opt-=1", "?next=/user/lin.xiao/lab"):
            page = await lin.get(f"/spawn/lin.xiao{query}")
            assert page.status_code == 200
            assert "What do you want to work with?" in page.text
        assert await desk.hub.servers.of(await owner(desk)) == []


async def test_where_there_is_nothing_to_choose_a_server_starts_at_once(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path) as (desk, lin):
        ahead = {"sec-purpose": "prefetch;prerender"}
        assert to(await lin.get("/spawn/lin.xiao"))
        assert await options_of(desk) == {}
        await until(desk, "", Phase.RUNNING)
        await desk.hub.servers.stop(await owner(desk), "")
        await until(desk, "", Phase.STOPPED)
        only = await lin.http.get(lin.base + "/spawn/lin.xiao", headers=ahead)
        assert only.status_code == 200
        assert (await lin.http.head(lin.base + "/spawn/lin.xiao")).status_code == 200
        assert await options_of(desk) is None, "looking ahead starts nothing"
        assert to(await lin.get("/spawn/lin.xiao?opt-x=1&opt-x=2&y=3"))
        assert await options_of(desk) == {"x": ["1", "2"]}, "as JupyterHub keeps them"


async def test_a_program_that_knows_no_other_address_posts_to_spawn(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path, offers=PROFILES) as (desk, lin):
        shown = (await lin.get("/token")).text
        xsrf = shown.partition('name="_xsrf" value="')[2].partition('"')[0]
        form = {"_xsrf": xsrf, "profile": "deep", "display_name": "Mine"}
        on = await lin.http.post(lin.base + "/spawn?next=/hub/token", data=form)
        there = to(on, 307)
        assert there == "/hub/spawn/lin.xiao?next=/hub/token"
        assert to(await lin.http.post(there, data=form), 303)
        server = await desk.hub.servers.find(await owner(desk), "")
        assert server
        assert (server.display_name, server.user_options["profile"]) == ("Mine", "deep")
        bare = await lin.http.post(lin.base + "/spawn", data={"profile": "deep"})
        assert bare.status_code == 403


# -- /spawn-pending -------------------------------------------------------------------------------


async def test_the_page_of_a_start_says_what_is_and_starts_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path) as (desk, lin):
        never = await lin.get("/spawn-pending/lin.xiao?next=/user/lin.xiao/lab")
        assert never.status_code == 200
        assert "Default server is not running" in never.text
        assert 'action="/hub/start/lin.xiao?next=/user/lin.xiao/lab"' in never.text
        away = await lin.get("/spawn-pending/lin.xiao?next=//evil.example/")
        assert "evil.example" not in away.text.partition("<footer")[0]
        assert await desk.hub.servers.of(await owner(desk)) == []
        await running(desk)
        assert to(await lin.get("/spawn-pending/lin.xiao")) == "/user/lin.xiao/"
        there = await lin.get("/spawn-pending/lin.xiao?next=/user/lin.xiao/lab")
        assert to(there) == "/user/lin.xiao/lab"


async def test_who_may_only_read_of_servers_sees_no_start(
    database: Database, tmp_path: Path
) -> None:
    roles = {"looks": {"scopes": ["read:servers", "list:users"], "users": ["lin.xiao"]}}
    async with entered(database, tmp_path, loadRoles=roles) as (desk, lin):
        await desk.person("wu.min")
        assert (await lin.get("/spawn-pending/wu.min")).status_code == 404
        assert (await lin.get("/spawn-pending/nobody")).status_code == 404


# -- servers that stopped -------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("status", [424, 503])
async def test_what_says_that_a_server_does_not_run_has_the_status_of_the_settings(
    database: Database, tmp_path: Path, base: str, status: int
) -> None:
    config = {"JupyterHub": {"use_legacy_stopped_server_status_code": status != 424}}
    async with entered(database, tmp_path, baseUrl=base, config=config) as (_, lin):
        site = lin.base.removesuffix(f"{base}hub")
        page = await lin.get("/user/lin.xiao/lab")
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert 'http-equiv="refresh"' not in page.text
        message = (
            f"JupyterHub server no longer running at {base}user/lin.xiao/."
            f" Restart the server at {site}{base}hub/spawn/lin.xiao"
        )
        for answer in (
            await lin.get("/user/lin.xiao/api/contents"),
            await lin.http.get(f"{site}{base}hub/user/lin.xiao/x", headers={"accept": "*/json"}),
            *[
                await lin.http.request(verb, f"{site}{base}user/lin.xiao/{path}")
                for verb in ("POST", "PUT", "PATCH", "DELETE")
                for path in ("lab", "api/sessions", "")
            ],
        ):
            assert answer.status_code == status
            assert answer.json()["message"] == message


async def test_a_page_about_a_stopped_server_can_start_it_by_itself(
    database: Database, tmp_path: Path
) -> None:
    config = {"JupyterHub": {"implicit_spawn_seconds": 2.5}}
    async with entered(database, tmp_path, config=config) as (desk, lin):
        page = (await lin.get("/user/lin.xiao/lab?a=1&b=2")).text
        assert (
            '<meta http-equiv="refresh"'
            ' content="2.5;url=/hub/spawn/lin.xiao?next=/user/lin.xiao/lab%3Fa%3D1%26b%3D2">'
        ) in page
        assert await options_of(desk) is None


@pytest.mark.parametrize(("given", "most"), [({}, 4), ({"user_redirect_limit": 2}, 2)])
async def test_redirects_that_go_round_in_circles_end(
    database: Database, tmp_path: Path, given: Any, most: int
) -> None:
    config = {"JupyterHub": {"tornado_settings": given}}
    async with entered(database, tmp_path, config=config) as (desk, lin):
        await running(desk)
        first = to(await lin.get("/user/lin.xiao/lab?x=1"))
        assert first == "/user/lin.xiao/lab?x=1&redirects=1"
        for count in (most, most + 1, 10**30):
            page = await lin.get(f"/user/lin.xiao/lab?redirects={count}")
            assert page.status_code == 500
            assert "Redirect loop detected" in page.text
        odd = "/user/lin.xiao/lab?redirects=-1&redirects=x"
        assert to(await lin.get(odd)) == "/user/lin.xiao/lab?redirects=1"


async def test_a_server_of_another_jupyterhub_is_given_up_after_two(
    database: Database, tmp_path: Path
) -> None:
    said = {"4.1.6": "4.1.6", "6.1.1": None, "": None, "<b>": None}
    async with entered(database, tmp_path) as (desk, lin):
        await running(desk)
        for version, told in said.items():
            head = f"HTTP/1.1 200 OK\r\nX-JupyterHub-Version: {version}\r\n\r\n"
            async with server(head.encode()) as (address, heard):
                row = await desk.hub.servers.find(await owner(desk), "")
                assert row
                there = replace(row, address=address, version=row.version + 1)
                await database.write(servers.change(row, there))
                asked = lin.get("/user/lin.xiao/lab?redirects=2")
                if told:
                    page = await asked
                    assert page.status_code == 500
                    assert "Redirect loop detected" in page.text
                    assert "jupyterhub 4.1.6" in page.text
                else:
                    leads = asyncio.ensure_future(asked)
                    async with asyncio.timeout(20):
                        while not heard:
                            await asyncio.sleep(0.01)
                    await asyncio.wait([leads], timeout=0.3)
                    assert not leads.done(), "it waits, and leads there once more"
                    leads.cancel()
                    await asyncio.wait([leads])
            assert heard[0].startswith("GET /user/lin.xiao/api HTTP/1.1\r\n")


async def test_who_may_enter_one_server_that_is_gone_is_told_so_and_nothing_else(
    database: Database, tmp_path: Path
) -> None:
    scopes = ["access:servers!server=wu.min/shared"]
    roles = {"visits": {"scopes": scopes, "users": ["lin.xiao"]}}
    async with entered(database, tmp_path, loadRoles=roles) as (desk, lin):
        wu = await desk.person("wu.min")
        await desk.hub.servers.start(wu, "", {})
        page = await lin.get("/user/wu.min/shared/lab")
        assert page.status_code == 424
        assert "shared is not running" in page.text
        for path in ("/user/wu.min/lab", "/user/wu.min/", "/user/wu.min/other/lab"):
            assert (await lin.get(path)).status_code == 404


# -- signing out ----------------------------------------------------------------------------------


async def test_signing_out_stops_servers_where_the_settings_say_so(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path, shutdownOnLogout=True) as (desk, lin):
        wu = await desk.person("wu.min")
        await desk.hub.servers.start(wu, "", {})
        await running(desk)
        await running(desk, "second")
        lin.http.headers["sec-fetch-site"] = "cross-site"
        assert (await lin.get("/logout")).status_code == 200, "another site asks first"
        del lin.http.headers["sec-fetch-site"]
        said = to(await lin.get("/logout"))
        assert said == "/hub/login?said=stopped"
        assert "Your servers are being stopped." in (await lin.http.get(said)).text
        for name in ("", "second"):
            await until(desk, name, Phase.STOPPED)
        await until(desk, "", Phase.RUNNING, "wu.min")
        assert to(await lin.get("/logout")) == "/hub/login?said=out"


async def test_who_would_be_signed_in_again_by_itself_stays_at_a_page(
    database: Database, tmp_path: Path
) -> None:
    config = {"Authenticator": {"auto_login": True}}
    async with entered(database, tmp_path, config=config) as (_, lin):
        page = await lin.get("/logout")
        assert page.status_code == 200
        assert "You are signed out" in page.text
        assert "lin.xiao" not in page.text
        assert to(await lin.get("/home")).startswith("/hub/login?next=")
