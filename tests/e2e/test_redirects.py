"""Nobody is led away: what a hub answers to thousands of odd addresses, read by a real browser."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser as Chromium

from perijove.http.next_url import path_of
from perijove.settings import of
from perijove.store.migrations.sqlite import prepare
from perijove.store.open import open_database
from tests.bar import size
from tests.browser import SITE, Browser
from tests.parts import hub, user
from tests.vectors.redirects import EVIL, redirects

of({})  # settings read their tables when they are first used
EVERY = size(18, 23, 1)
"""Of how many one is asked of a whole hub."""
DOORS = (
    "/hub/login?next={}",
    "/hub/?next={}",
    "/hub/spawn?next={}",
    "/hub/spawn-pending/ada?next={}",
    "/hub/language?language=zh&next={}",
    "/hub/accept-share?code=x&next={}",
    "/hub/user-redirect/{}",
    "/hub/user/ada/{}",
    "/hub/logout?next={}",
    "/hub/{}",
    "/{}",
)
_AWAY = """([asked, site]) => asked.filter(([from, to]) => {
    try { return new URL(to, site + from).origin !== site } catch (e) { return false }
})"""
"""What a browser would follow to another site; what it cannot read it does not follow."""


def leads_away(browser: Chromium, led: list[tuple[str, str]], site: str = SITE) -> list[list[str]]:
    """Return those pairs of a path and its `Location` with which a browser leaves `site`."""
    page = browser.new_page()
    try:
        found: list[list[str]] = page.evaluate(_AWAY, [led, site])
    finally:
        page.close()
    return found


def test_a_browser_sees_what_would_lead_away(browser: Chromium) -> None:
    away = [("/hub/login", f"//{EVIL}"), ("/hub/login", f"/\\{EVIL}"), ("/x", f"/\t/{EVIL}")]
    assert leads_away(browser, [*away, ("/x", "/hub/home"), ("/x", "home")]) == list(
        map(list, away)
    )


def test_what_next_is_taken_for_stays_here(browser: Chromium) -> None:
    wanted = redirects()
    assert len(wanted) >= 2000
    for site in ("https://hub.example", SITE, "http://[::1]:8000"):
        followed = [path for text in wanted if (path := path_of(text, site)) is not None]
        assert followed, "some lead to a page of ours"
        assert leads_away(browser, [("/hub/login", path) for path in followed], site) == []


def test_whatever_a_hub_is_asked_it_leads_nobody_away(browser: Chromium, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as beside:  # for Playwright has the loop of this thread
        led = beside.submit(asyncio.run, everything(tmp_path)).result(timeout=3000)
    assert len(led) > len(redirects()) // EVERY, "most doors lead somewhere"
    assert leads_away(browser, led) == []


async def everything(folder: Path) -> list[tuple[str, str]]:
    """Return every path that was asked, with where it leads: as ada, and as nobody."""
    file = f"{folder}/hub.sqlite"
    await asyncio.to_thread(prepare, file)
    database = await open_database(file)
    running = await hub(database)
    ada, nobody = Browser(running), Browser(running)
    await ada.sign_in(await user(running))
    led = list[tuple[str, str]]()
    for text in redirects()[::EVERY]:
        for door in DOORS:
            in_path = door.endswith("/{}")
            path = door.format(quote(text, safe="/:@;%\\" if in_path else "")).replace("\\", "%5C")
            for person in (ada, nobody):
                answer = await person.http.get(f"{SITE}{path}")
                assert answer.status_code < 500, (path, answer.text[:300])
                if "location" in answer.headers:
                    led.append((path, answer.headers["location"]))
    await database.close()
    return led
