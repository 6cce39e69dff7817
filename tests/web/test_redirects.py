"""No address of the hub leads to another site (CVE-2019-10255, CVE-2026-33709)."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from perijove.model.server import Phase
from perijove.store.database import Database
from tests.vectors.away import AWAY, opened
from tests.web.desk import PASSWORD, Browser, Desk
from tests.web.test_leading import entered, owner
from tests.web.test_servers import until

SITE = "http://perijove.test"


@pytest.fixture(params=["/", "/jupyter/"])
async def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def both(
    database: Database, tmp_path: Path, base: str
) -> AsyncIterator[tuple[Desk, Browser]]:
    """Return a desk where the server of lin.xiao runs, and the browser of lin.xiao."""
    async with entered(database, tmp_path, baseUrl=base) as (desk, lin):
        await desk.hub.servers.start(await owner(desk), "", {})
        await until(desk, "", Phase.RUNNING)
        yield desk, lin


def stays(answer: httpx.Response, what: str) -> None:
    """Insist that an answer leads nowhere but to the hub's own site."""
    assert answer.status_code in {200, 302, 303, 400, 404}, (what, answer.status_code)
    location = answer.headers.get("location")
    assert (location is not None) is answer.is_redirect, what
    if location is not None:
        assert "\r" not in location
        assert "\n" not in location
        assert opened(location, f"{SITE}/hub/x") == SITE, (what, location)


def test_the_reader_of_addresses_sees_what_leads_away() -> None:
    for location in ("//evil.com", "/\\evil.com", "\t//evil.com", "///evil.com", "http:evil.com"):
        assert opened(location, SITE) == ("http://evil.com"), location
    assert opened("https://u@evil.com/", SITE) == "https://evil.com"
    assert opened("javascript:alert(1)", SITE) == "javascript:"
    for location in ("/x", "x", "?x", "/x//evil.com", "/%5Cevil.com", f"{SITE}/y"):
        assert opened(location, SITE) == SITE, location


@pytest.mark.parametrize("path", ["/login", "/", "/spawn/lin.xiao", "/spawn-pending/lin.xiao",
                                  "/spawn", "/language/en"])  # fmt: skip
async def test_next_leads_nobody_away(both: tuple[Desk, Browser], path: str) -> None:
    _, lin = both
    assert len(AWAY) > 60
    for wanted in AWAY:
        for written in (wanted, quote(wanted)):
            answer = await lin.http.get(lin.base + path, params={"next": written})
            stays(answer, f"{path} {written!r}"[:200])
            if answer.is_redirect and path == "/spawn":  # it goes on with the query
                stays(await lin.http.get(answer.headers["location"]), f"{written!r}"[:200])


async def test_who_signs_in_is_led_nowhere_else(both: tuple[Desk, Browser]) -> None:
    desk, _ = both
    for wanted in AWAY[:40]:  # each waits for the hash of a password
        browser = Browser(desk)
        browser.http.follow_redirects = False
        shown = await browser.http.get(browser.base + "/login", params={"next": wanted})
        assert shown.status_code == 200
        value = shown.text.partition('name="_xsrf" value="')[2].partition('"')[0]
        answer = await browser.http.post(
            browser.base + "/login",
            params={"next": wanted},
            data={"_xsrf": value, "username": "lin.xiao", "password": PASSWORD},
        )
        assert answer.status_code == 302, wanted
        stays(answer, f"{wanted!r}"[:200])


async def test_a_link_to_ones_own_server_leads_below_it(
    both: tuple[Desk, Browser], base: str
) -> None:
    _, lin = both
    for wanted in AWAY:
        for written in (quote(wanted, safe="/:@?#[]%"), quote(wanted, safe="")):
            answer = await lin.http.get(f"{lin.base}/user-redirect/{written}")
            stays(answer, written[:200])
            if not answer.is_redirect:
                continue
            location = urlsplit(answer.headers["location"])
            if location.path != f"{base}hub/spawn/lin.xiao":  # dots have led out of user-redirect
                assert location.path.startswith(f"{base}hub/"), written[:200]
                continue
            [there] = parse_qs(location.query)["next"]
            assert there.startswith(f"{base}user/lin.xiao/"), written[:200]
            on = await lin.http.get(answer.headers["location"])
            stays(on, written[:200])
            assert on.headers["location"].startswith(f"{base}user/lin.xiao/"), written[:200]


async def test_what_lies_outside_the_hub_leads_into_it(
    both: tuple[Desk, Browser], base: str
) -> None:
    _, lin = both
    for path in ("//evil.com", "//evil.com/..", "/\\evil.com", "/%5Cevil.com", "/%2F%2Fevil.com",
                 "///evil.com//x", "/hub//evil.com", base.rstrip("/") or "/", f"{base}/evil.com",
                 f"{base}@evil.com", f"{base}user//evil.com", f"{base}hub//evil.com",
                 f"{base}hub/user//evil.com/x", "//"):  # fmt: skip
        answer = await lin.http.send(
            lin.http.build_request("GET", httpx.URL(SITE).copy_with(raw_path=path.encode()))
        )
        stays(answer, path)
        if answer.is_redirect:
            assert answer.headers["location"].startswith(f"{base}hub/"), path


async def test_the_page_of_a_stopped_server_holds_no_address_of_another_site(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path) as (_, lin):
        for wanted in AWAY:
            page = await lin.http.get(lin.base + "/spawn-pending/lin.xiao", params={"next": wanted})
            assert page.status_code == 200
            [form] = [it for it in page.text.split("<form")[1:] if "/hub/start/" in it]
            action = form.partition('action="')[2].partition('"')[0]
            [after] = parse_qs(urlsplit(action).query).get("next", ["/"])
            assert opened(after, SITE) == SITE, wanted[:200]
