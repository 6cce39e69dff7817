"""Signing in, up and out, on pages."""

import re
from pathlib import Path

from perijove.store.database import Database
from tests.web.desk import PASSWORD, Browser, Desk, Shown
from tests.web.desk import desk as open_desk


async def test_a_new_person_asks_waits_is_approved_and_signs_in(desk: Desk, chen: Browser) -> None:
    zhou = Browser(desk)
    waiting = await zhou.post(
        "/signup", "/signup", username="zhou.yi", name="Zhou Yi", password=PASSWORD, note="thesis"
    )
    assert waiting.url.path == "/hub/signup/waiting"
    assert "zhou.yi" in waiting.text
    assert not waiting.url.query
    refused = await zhou.sign_in("zhou.yi")
    assert refused.status_code == 403
    assert "waits for approval" in refused.text

    people = await chen.get("/admin")
    assert "thesis" in people.text
    approved = await chen.post("/admin/zhou.yi/approve", "/admin")
    assert "zhou.yi can sign in now." in approved.text
    again = await zhou.get("/signup/waiting")
    assert again.url.path == "/hub/login"
    assert 'value="zhou.yi"' in again.text
    home = await zhou.sign_in("zhou.yi")
    assert "Welcome, Zhou Yi" in home.text


async def test_only_the_browser_that_asked_is_told_what_became_of_it(desk: Desk) -> None:
    user = await desk.person("lin.xiao")
    stranger = Browser(desk)
    for forged in (str(user.id), 19 * "9", "%00", "A" * 200, "\N{SUPERSCRIPT TWO}".encode()):
        cookie = forged if isinstance(forged, bytes) else forged.encode()
        headers = {b"cookie": b"pj_asked=" + cookie}
        page = await stranger.http.get(f"{stranger.base}/signup/waiting", headers=headers)
        assert page.url.path == "/hub/signup", forged
        assert "lin.xiao" not in page.text


async def test_a_wrong_password_keeps_the_name_and_forgets_the_password(desk: Desk) -> None:
    await desk.person("lin.xiao")
    page = await Browser(desk).sign_in("lin.xiao", "wrong & long enough")
    assert page.status_code == 403
    assert 'value="lin.xiao"' in page.text
    assert "wrong &amp; long" not in page.text
    assert 'aria-invalid="true"' in page.text
    assert "do not match" in page.text


async def test_a_declined_and_a_blocked_person_are_told_so(desk: Desk, chen: Browser) -> None:
    for name in ("wu.min", "du.fan"):
        await desk.person(name)
    wu = await desk.hub.accounts.named("wu.min")
    assert wu
    await desk.hub.accounts.decline(wu)
    assert "was not approved" in (await Browser(desk).sign_in("wu.min")).text
    blocked = await chen.post("/admin/du.fan/block", "/admin/du.fan")
    assert "is blocked" in blocked.text
    assert "du.fan is blocked" in (await Browser(desk).sign_in("du.fan")).text


async def test_too_many_tries_say_until_when(desk: Desk) -> None:
    await desk.person("lin.xiao")
    browser = Browser(desk)
    for _ in range(10):
        await browser.sign_in("lin.xiao", "no")
    page = await browser.sign_in("lin.xiao", "no")
    assert page.status_code == 429
    assert re.search("Too many tries for lin.xiao. Try again at (today|tomorrow)", page.text)


async def test_an_impossible_name_says_what_is_wrong_and_keeps_the_rest(desk: Desk) -> None:
    page = await Browser(desk).post(
        "/signup", "/signup", username="a/b", name="Ann", password=PASSWORD, note="because"
    )
    assert page.status_code == 400
    assert "cannot hold a slash" in page.text
    for kept in ('value="a/b"', 'value="Ann"', 'value="because"'):
        assert kept in page.text
    assert PASSWORD not in page.text


async def test_signing_out_says_so_and_ends_the_session(lin: Browser) -> None:
    page = await lin.get("/logout")
    assert "You are signed out. Your servers keep running." in page.text
    assert (await lin.get("/home")).url.path == "/hub/login"


async def test_a_form_that_is_sent_once_the_session_has_ended_says_so(lin: Browser) -> None:
    await lin.get("/logout")
    page = await lin.post("/start/lin.xiao")
    assert page.status_code == 403
    assert "You are signed out" in page.text
    assert "Sign in, then try again." in page.text
    assert "may not open this" not in page.text


async def test_a_link_from_another_site_does_not_sign_out(lin: Browser) -> None:
    lin.http.headers["sec-fetch-site"] = "cross-site"
    page = await lin.get("/logout")
    assert "Another site sent you here" in page.text
    del lin.http.headers["sec-fetch-site"]
    assert (await lin.post("/logout", "/home")).url.path == "/hub/login"


async def test_the_first_link_is_used_by_its_form_and_not_by_looking(desk: Desk) -> None:
    secret, browser = desk.first.read_text(), Browser(desk)
    link = f"/first?secret={secret}"
    page = await browser.get(link)
    assert "You are its first administrator" in page.text
    assert page.headers["referrer-policy"] == "same-origin"
    short = await browser.post("/first", link, secret=secret, password="short")
    assert "at least 8 characters" in short.text
    assert desk.first.exists()
    home = await browser.post("/first", link, secret=secret, password=PASSWORD)
    assert home.url.path == "/hub/home"
    assert (await browser.get("/admin")).status_code == 200
    again = await Browser(desk).post("/first", "/login", secret=secret, password=PASSWORD)
    for late in (again, await Browser(desk).get(link)):
        assert late.status_code == 403
        assert "used already" in late.text
        assert "<code>perijove user password NAME</code>" in late.text
    wrong = await Browser(desk).get("/first?secret=no")
    assert "<code>perijove up</code> shows one that works" in wrong.text
    assert (await Browser(desk).sign_in("admin")).url.path == "/hub/home"


async def test_next_leads_back_to_where_one_wanted_to_go_and_never_away(desk: Desk) -> None:
    await desk.person("lin.xiao")
    browser = Browser(desk)
    asked = await browser.get("/token")
    assert asked.url.path == "/hub/login"
    there = await browser.post(
        f"/login?{asked.url.query.decode()}", "/login", username="lin.xiao", password=PASSWORD
    )
    assert there.url.path == "/hub/token"
    away = Browser(desk)
    gone = await away.post(
        "/login?next=//evil.example/", "/login", username="lin.xiao", password=PASSWORD
    )
    assert gone.url.path == "/hub/home"


async def test_the_language_switch_works_without_scripts(lin: Browser) -> None:
    page = await lin.get("/language/zh?next=/hub/token")
    assert page.url.path == "/hub/token"
    assert '<html lang="zh-Hans"' in page.text
    assert "令牌" in Shown(page.text).text
    assert (await lin.get("/language/fr")).status_code == 404


async def test_what_is_said_above_the_form_goes_no_further(desk: Desk) -> None:
    await desk.person("lin.xiao")
    browser, asked = Browser(desk), "/login?said=approved&username=lin.xiao&keep=this"
    page = await browser.get(asked)
    assert "Your account has been approved." in page.text
    assert 'value="lin.xiao"' in page.text
    assert 'action="/hub/login?keep=this"' in page.text
    home = await browser.post("/login?keep=this", asked, username="lin.xiao", password=PASSWORD)
    assert "can sign in now" not in home.text


async def test_where_everybody_may_enter_nobody_is_asked_what_for_or_approved(
    database: Database, tmp_path: Path
) -> None:
    everybody = {"Authenticator": {"allow_all": True}}
    async with open_desk(database, tmp_path, config=everybody) as desk:
        browser = Browser(desk)
        page = await browser.get("/signup")
        assert "You can sign in at once." in page.text
        assert "What do you need it for" not in page.text
        assert "who is asking" not in page.text
        ready = await browser.post(
            "/signup", "/signup", username="ann", name="Ann", password=PASSWORD
        )
        assert "Your account is ready." in ready.text
        assert "approved" not in ready.text
