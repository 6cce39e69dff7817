"""What no page of ours has sent changes nothing and is told nothing (hub.md 2.9)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx
import pytest

from perijove.model.server import Phase
from perijove.store.database import Database
from tests.parts import COOKIE
from tests.web.desk import PASSWORD, Browser, Desk
from tests.web.test_leading import entered, owner
from tests.web.test_servers import until

MODES = ("", "navigate", "no-cors", "cors", "same-origin", "websocket")
SITES = ("", "none", "same-origin", "same-site", "cross-site")
READS = ("GET", "HEAD")
VERBS = (*READS, "POST", "PATCH", "DELETE")
SHOWN = ("nothing", "x-xsrftoken", "x-csrftoken", "argument", "another", "forged")
BY = ("cookie", "bearer", "both")


def passes(mode: str, site: str, verb: str, shown: str, by: str) -> bool:
    """Say what hub.md 2.9 says."""
    if by != "cookie":
        return True
    if shown in {"x-xsrftoken", "x-csrftoken", "argument"}:
        return True
    if mode == "websocket":
        return True
    if verb not in READS:
        return False
    return mode in {"", "navigate"} or (mode == "no-cors" and site == "same-origin")


def hidden(page: str) -> str:
    return page.partition('name="_xsrf" value="')[2].partition('"')[0]


async def other_value(desk: Desk) -> str:
    """Return the good value of somebody else."""
    wu = await desk.person("wu.min")
    secret, _ = await desk.hub.sessions.begin(wu, address="203.0.113.24", agent="")
    browser = Browser(desk)
    browser.http.cookies.set("jupyterhub-hub-login", secret, path=f"{desk.hub.base_url}hub/")
    return hidden((await browser.get("/token")).text)


async def token_of(desk: Desk, browser: Browser) -> str:
    visitor = await desk.hub.sessions.visitor(browser.http.cookies["jupyterhub-hub-login"])
    assert visitor
    return (await desk.hub.tokens.make(await owner(desk), by=visitor.principal))[1]


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """What a browser, or somebody who wants to be taken for it, can show."""

    cookies: str
    bearer: str
    mine: str
    another: str

    def of(
        self, mode: str, site: str, shown: str, by: str
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return headers and query."""
        value = {"another": self.another, "forged": self.mine[:-4] + "AAAA"}.get(shown, self.mine)
        headers = {"content-type": "application/json"}
        headers |= {"sec-fetch-mode": mode} if mode else {}
        headers |= {"sec-fetch-site": site} if site else {}
        headers |= {"cookie": self.cookies} if by != "bearer" else {}
        headers |= {"authorization": f"token {self.bearer}"} if by != "cookie" else {}
        if shown in {"x-xsrftoken", "x-csrftoken"}:
            headers[shown] = value
        elif shown in {"another", "forged"}:
            headers["x-xsrftoken"] = value
        return headers, {"_xsrf": value} if shown == "argument" else {}


async def proofs(desk: Desk, browser: Browser) -> Proofs:
    return Proofs(
        cookies="; ".join(f"{name}={it}" for name, it in browser.http.cookies.items()),
        bearer=await token_of(desk, browser),
        mine=hidden((await browser.get("/token")).text),
        another=await other_value(desk),
    )


@pytest.mark.parametrize("base", ["/", "/jupyter/"])
async def test_every_kind_of_request_with_every_proof(
    database: Database, tmp_path: Path, base: str
) -> None:
    async with entered(database, tmp_path, baseUrl=base) as (desk, lin):
        await lin.get("/token")
        there, url = await proofs(desk, lin), f"{lin.base}/api/users/lin.xiao"
        transport = httpx.ASGITransport(app=desk.running.app, client=("203.0.113.24", 1))
        agent = {"user-agent": lin.http.headers["user-agent"]}
        tried = 0
        async with httpx.AsyncClient(transport=transport, headers=agent) as http:
            for mode, site, verb, shown, by in product(MODES, SITES, VERBS, SHOWN, BY):
                headers, query = there.of(mode, site, shown, by)
                to = f"{url}/servers/none" if verb in {"POST", "DELETE"} else url
                answer = await http.request(verb, to, headers=headers, params=query, content=b"{}")
                wanted = passes(mode, site, verb, shown, by) or answer.status_code == 405
                refused = answer.status_code == 403 and "xsrf" in answer.text.lower()
                if verb == "HEAD":
                    refused = answer.status_code == 403
                assert refused is not wanted, (mode, site, verb, shown, by, answer.text[:80])
                tried += 1
        assert tried == len(MODES) * len(SITES) * len(VERBS) * len(SHOWN) * len(BY)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("site", SITES)
async def test_forms_of_pages_need_the_value_whatever_the_browser_says(
    database: Database, tmp_path: Path, mode: str, site: str
) -> None:
    async with entered(database, tmp_path) as (desk, lin):
        value = hidden((await lin.get("/token")).text)
        headers = {"sec-fetch-mode": mode} if mode else {}
        headers |= {"sec-fetch-site": site} if site else {}
        for path in ("/start/lin.xiao", "/spawn/lin.xiao", "/token", "/logout", "/account"):
            bare = await lin.http.post(lin.base + path, data={"x": "1"}, headers=headers)
            assert (bare.status_code == 403) is (mode != "websocket"), path
            if mode == "websocket":
                return
        assert await desk.hub.servers.of(await owner(desk)) == []
        good = await lin.http.post(
            lin.base + "/start/lin.xiao", data={"_xsrf": value}, headers=headers
        )
        assert good.status_code == 303


async def test_a_stream_of_events_shows_the_value_in_its_address(
    database: Database, tmp_path: Path
) -> None:
    """An EventSource has no headers of its own."""
    async with entered(database, tmp_path) as (desk, lin):
        await desk.hub.servers.start(await owner(desk), "", {})
        await until(desk, "", Phase.RUNNING)
        value = hidden((await lin.get("/token")).text)
        by_script = {"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}
        for path in ("/spawn-stream/lin.xiao", "/api/users/lin.xiao/server/progress"):
            for query, status in ((f"?_xsrf={value}", 200), ("", 403), ("?_xsrf=x", 403)):
                answer = await lin.http.get(lin.base + path + query, headers=by_script)
                assert answer.status_code == status, (path, query)


def signed(who: str, secret: bytes) -> str:
    """Return a value as the hub signs it, with any secret."""
    value = base64.b64encode(who.encode()).decode()
    text = "|".join(("2", "1:0", "10:2000000000", "5:_xsrf", f"{len(value)}:{value}", ""))
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    return base64.urlsafe_b64encode((text + signature).encode()).decode().rstrip("=")


async def test_a_cookie_that_a_neighbour_has_tossed_is_ignored_and_replaced(
    database: Database, tmp_path: Path
) -> None:
    """CVE-2024-28233: a sibling domain, or a user's server, plants `_xsrf` and knows its value."""
    async with entered(database, tmp_path) as (desk, lin):
        value, other = hidden((await lin.get("/token")).text), await other_value(desk)
        login = f"jupyterhub-hub-login={lin.http.cookies['jupyterhub-hub-login']}"
        tossed = [
            other,
            signed("None:x", COOKIE),
            signed("", COOKIE),
            signed("lin.xiao", b"another secret"),
            value[:-1],
            value + "A",
            value.swapcase(),
            "2|1:0|10:1|5:_xsrf|0:|",
            base64.urlsafe_b64encode(b"\xff" * 40).decode(),
            "x" * 60_000,
            '"quoted"',
            "",
            "%00",
            "None:x",
        ]
        for it in tossed:
            async with httpx.AsyncClient(transport=lin.http._transport) as http:
                headers = {
                    "user-agent": lin.http.headers["user-agent"],
                    "cookie": f"_xsrf={it}; {login}",
                }
                url = f"{lin.base}/start/lin.xiao"
                answer = await http.post(url, data={"_xsrf": it}, headers=headers)
                assert answer.status_code == 403, it[:50]
                page = await http.get(f"{lin.base}/token", headers=headers)
                mine = hidden(page.text)
                assert mine != it
                assert f"_xsrf={mine}" in page.headers["set-cookie"], "it is replaced"
        assert await desk.hub.servers.of(await owner(desk)) == []
        async with httpx.AsyncClient(transport=lin.http._transport) as http:
            headers = {
                "user-agent": lin.http.headers["user-agent"],
                "cookie": f"_xsrf=junk; _xsrf={value}; {login}; _xsrf=more",
            }
            url = f"{lin.base}/start/lin.xiao"
            answer = await http.post(url, data={"_xsrf": value}, headers=headers)
            assert answer.status_code == 303, "the first that is ours counts"


async def test_nobody_signs_somebody_in_from_another_page(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path) as (desk, _):
        form = {"username": "lin.xiao", "password": PASSWORD}
        browser, another = Browser(desk), Browser(desk, address="203.0.113.99")
        mine = hidden((await browser.get("/login")).text)
        theirs = hidden((await another.get("/login")).text)
        for value in (None, "", theirs, mine[:-2], "x" * 5000):
            given = form if value is None else {**form, "_xsrf": value}
            answer = await browser.http.post(browser.base + "/login", data=given)
            assert answer.status_code == 403
            assert "jupyterhub-hub-login" not in browser.http.cookies
        late = Browser(desk)  # no cookie of the hub at all
        answer = await late.http.post(late.base + "/login", data={**form, "_xsrf": mine})
        assert answer.status_code == 403
        browser.http.follow_redirects = False
        answer = await browser.http.post(browser.base + "/login", data={**form, "_xsrf": mine})
        assert answer.status_code == 302


async def test_programs_that_hold_no_cookie_are_never_asked_for_it(
    database: Database, tmp_path: Path
) -> None:
    async with entered(database, tmp_path) as (_, lin):
        odd = {"sec-fetch-mode": "cors", "sec-fetch-site": "cross-site"}
        version = await lin.http.get(f"{lin.base}/api", headers=odd)
        assert version.json() == {"version": "6.1.1"}
        token = await lin.http.post(f"{lin.base}/api/oauth2/token", headers=odd, data={"a": "b"})
        assert token.json()["error"] == "unsupported_grant_type"
        report = await lin.http.post(f"{lin.base}/security/csp-report", headers=odd, content=b"{}")
        assert report.status_code == 204
