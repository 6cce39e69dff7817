"""Sharing a server on pages: with a person, a group, by a link; accepting, revoking, giving up."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from perijove.core.trail import Asked
from perijove.model.server import Phase
from perijove.store.database import Database
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_servers import until

ROLES = {
    "user": {"scopes": ["self", "shares!user"]},
    "teachers": {"scopes": ["read:users:name", "read:groups:name"], "users": ["lin.xiao"]},
}
OPEN = 'href="/user/lin.xiao/"'


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path, loadRoles=ROLES) as it:
        lin = await it.person("lin.xiao", display_name="Lin Xiao")
        await it.person("bob")
        await it.hub.servers.start(lin, "", {})
        await until(it, "", Phase.RUNNING)
        yield it


async def signed_in(desk: Desk, name: str, language: str = "en") -> Browser:
    browser = Browser(desk, language)
    browser.http.follow_redirects = False  # it leads to their server, if one runs
    assert (await browser.sign_in(name)).status_code in {302, 303}
    browser.http.follow_redirects = True
    return browser


async def link(lin: Browser, **more: str) -> str:
    """Return the path and query of a new link."""
    made = await lin.post("/share/lin.xiao", "/share/lin.xiao", way="link", **more)
    assert made.status_code == 200, made.text
    found = re.search(r'<code id="address">[^<]*/hub(/accept-share\?code=\w{32})</code>', made.text)
    assert found, made.text
    assert found[1] not in (await lin.get("/share/lin.xiao")).text  # shown once
    return found[1]


async def test_a_link_is_made_accepted_and_opens_the_server_until_it_is_revoked(
    desk: Desk,
) -> None:
    lin, bob = await signed_in(desk, "lin.xiao"), await signed_in(desk, "bob")
    assert "/hub/share/lin.xiao" in (await lin.get("/home")).text
    there = await link(lin, scopes="servers")
    page = await bob.get(there)
    assert "Lin Xiao shares the server “Default server” with you." in Shown(page.text).text
    assert "start and stop it" in page.text
    assert OPEN not in (await bob.get("/home")).text  # nothing is accepted by looking
    bob.http.follow_redirects = False
    went = await bob.post("/accept-share", there, code=there.partition("=")[2])
    assert (went.status_code, went.headers["location"]) == (302, "/user/lin.xiao/")
    assert OPEN in (await bob.get("/home")).text
    told = (await desk.hub.trail.of(await desk.hub.accounts.named("lin.xiao"), Asked()))[0]  # type: ignore[arg-type]
    assert (told["who"], told["call"]) == ("bob", "POST /accept-share"), "its owner is told"
    assert told["details"] == {"server": ""}
    shared = await lin.get("/share/lin.xiao")
    assert "used by 1 person" in shared.text
    which = re.findall(r'name="which" value="((?:share|code)-\d+)"', shared.text)
    assert len(which) == 2
    for odd in (f"code-{1 << 63}", "code-9" + 18 * "9", "share-\N{SUPERSCRIPT TWO}", "code-"):
        none = await lin.post("/unshare/lin.xiao", "/share/lin.xiao", which=odd)
        assert none.status_code == 404, odd
    for each in which:
        done = await lin.post("/unshare/lin.xiao", "/share/lin.xiao", which=each)
        assert done.status_code == 200
    assert "With nobody yet." in (await lin.get("/share/lin.xiao")).text
    assert OPEN not in (await bob.get("/home")).text
    assert (await bob.get(there)).status_code == 404
    refused = await bob.post("/accept-share", code=there.partition("=")[2])
    assert refused.status_code == 400
    assert "There is no such link any more" in refused.text


async def test_a_server_is_shared_with_a_person_and_given_up(desk: Desk) -> None:
    lin, bob = await signed_in(desk, "lin.xiao"), await signed_in(desk, "bob")
    done = await lin.post("/share/lin.xiao", "/share/lin.xiao", way="user", name=" bob ")
    assert "bob can use the server now." in done.text
    home = await bob.get("/home")
    assert "Shared with me" in home.text
    assert "work in it, with all its files" in home.text
    assert "/hub/stop/lin.xiao" not in home.text
    left = await bob.post("/leave/lin.xiao")
    assert "The server of lin.xiao is shared with you no more." in left.text
    assert OPEN not in left.text
    assert (await bob.post("/leave/lin.xiao")).status_code == 404
    assert (await bob.post("/leave/nobody/x")).status_code == 404


async def test_a_server_is_shared_with_a_group(desk: Desk) -> None:
    await desk.hub.groups.create("ml", members=["bob"])
    lin, bob = await signed_in(desk, "lin.xiao"), await signed_in(desk, "bob")
    done = await lin.post("/share/lin.xiao", "/share/lin.xiao", way="group", name="ml")
    assert "ml can use the server now." in done.text
    home = await bob.get("/home")
    assert OPEN in home.text
    assert "/hub/leave/" not in home.text  # it is the group's
    await desk.hub.groups.leave("ml", ["bob"])
    assert OPEN not in (await bob.get("/home")).text


async def test_who_shares_by_links_alone_is_not_offered_names(desk: Desk) -> None:
    bob = await desk.hub.accounts.named("bob")
    assert bob
    await desk.hub.servers.start(bob, "", {})
    browser = await signed_in(desk, "bob")
    page = await browser.get("/share/bob")
    assert 'value="link"' in page.text
    assert 'value="user"' not in page.text
    tried = await browser.post("/share/bob", "/share/bob", way="user", name="lin.xiao")
    assert tried.status_code == 400
    assert "share by a link" in tried.text
    assert (await browser.get("/share/lin.xiao")).status_code == 404
    assert (await browser.post("/share/lin.xiao", "/share/bob", way="link")).status_code == 404


async def test_what_makes_no_sense_is_said_and_shares_nothing(desk: Desk) -> None:
    lin = await signed_in(desk, "lin.xiao")
    for fields in (
        {"way": "user", "name": "nobody"}, {"way": "user", "name": ""}, {"way": "owl"}, {},
        {"way": "group", "name": "none"}, {"way": "user", "name": "lin.xiao"},
        {"way": "user", "name": "bo\x00b"}, {"way": "user", "name": "x" * 5000},
        {"way": "user", "name": "bob", "scopes": "admin:users"},
        {"way": "link", "scopes": "servers!server=bob/"},
    ):  # fmt: skip
        answer = await lin.post("/share/lin.xiao", "/share/lin.xiao", **fields)
        assert answer.status_code == 400, fields
        assert 'role="alert"' in answer.text
    for which in ("", "share-", "share-1", "code-1", "code-" + "9" * 30, "owl-1", "share-²"):
        answer = await lin.post("/unshare/lin.xiao", "/share/lin.xiao", which=which)
        assert answer.status_code == 404, which
    assert "With nobody yet." in (await lin.get("/share/lin.xiao")).text


async def test_one_s_own_link_is_refused_as_the_contract_says(desk: Desk) -> None:
    lin = await signed_in(desk, "lin.xiao")
    there = await link(lin)
    assert (await lin.get(there)).status_code == 403
    assert (await lin.post("/accept-share", code=there.partition("=")[2])).status_code == 400
    for odd in ("", "?code=", "?code=x", f"?code={'x' * 3000}", "?code=%00"):
        assert (await lin.get(f"/accept-share{odd}")).status_code == 404, odd


async def test_next_leads_on_within_this_site_and_is_escaped_in_the_page(desk: Desk) -> None:
    """GHSA-c4gm-pwx9-9w8j."""
    lin, bob = await signed_in(desk, "lin.xiao"), await signed_in(desk, "bob")
    there = await link(lin)
    evil = '/"><script>alert(1)</script>'
    page = await bob.get(f"{there}&next={quote(evil)}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert unescape(hidden["next"]) == evil
    for away in (
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
    ):
        shown = (await bob.get(f"{there}&next={quote(away, safe='')}")).text
        assert 'name="code"' in shown
        assert 'name="next"' not in shown
    bob.http.follow_redirects = False
    for wanted, expected in (
        ("/user/lin.xiao/lab/tree/a%20b", "/user/lin.xiao/lab/tree/a%20b"),
        ("https://evil.example/", "/user/lin.xiao/"),
        ("//evil.example", "/user/lin.xiao/"),
        ("/\r\nx: y", "/user/lin.xiao/"),
    ):
        went = await bob.post("/accept-share", there, code=there.partition("=")[2], next=wanted)
        assert (went.status_code, went.headers["location"]) == (302, expected)


async def test_who_has_not_signed_in_comes_back_to_the_link(desk: Desk) -> None:
    there = await link(await signed_in(desk, "lin.xiao"))
    stranger = Browser(desk)
    stranger.http.follow_redirects = False
    sent = await stranger.get(there)
    assert sent.headers["location"] == f"/hub/login?next={quote('/hub' + there, safe='')}"
    posted = await stranger.http.post(stranger.base + "/accept-share", data={"code": "x"})
    assert posted.status_code in {302, 403}
    bob = await signed_in(desk, "bob")  # but without the value that his own pages hold
    forged = await bob.http.post(bob.base + "/accept-share", data={"code": there[-32:]})
    assert forged.status_code == 403
    assert OPEN not in (await bob.get("/home")).text


async def test_a_guest_is_told_whom_to_ask_when_the_server_does_not_run(desk: Desk) -> None:
    lin, bob = await signed_in(desk, "lin.xiao"), await signed_in(desk, "bob")
    await lin.post("/share/lin.xiao", "/share/lin.xiao", way="user", name="bob")
    await lin.post("/stop/lin.xiao")
    await until(desk, "", Phase.STOPPED)
    page = await bob.get("/user/lin.xiao/")
    assert page.status_code == 424
    assert "It is a server of lin.xiao: ask them to start it." in page.text
    assert "/hub/start/lin.xiao" not in page.text
    await lin.post("/share/lin.xiao", "/share/lin.xiao", way="user", name="bob", scopes="servers")
    assert "/hub/start/lin.xiao" in (await bob.get("/user/lin.xiao/")).text
    assert (await bob.post("/start/lin.xiao")).status_code == 200
    await until(desk, "", Phase.RUNNING)


async def test_in_chinese_every_page_of_sharing_speaks_it(desk: Desk) -> None:
    lin, bob = await signed_in(desk, "lin.xiao", "zh"), await signed_in(desk, "bob", "zh")
    there = await link(lin)
    assert "与你共享服务器“默认服务器”" in Shown((await bob.get(there)).text).text
    await bob.post("/accept-share", there, code=there.partition("=")[2])
    assert "与我共享" in (await bob.get("/home")).text
    assert "已有 1 人使用" in (await lin.get("/share/lin.xiao")).text
