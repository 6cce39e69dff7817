"""Many people at once in a real browser: ticked by hand and by keyboard, live, without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from perijove.http.catalogue import translated
from perijove.http.cookies import LOGIN
from tests.e2e.gallery import Gallery, gallery
from tests.e2e.pages import Person

LANGUAGES = ("en", "zh")


@pytest.fixture
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with gallery(tmp_path_factory.mktemp("gallery")) as it:
        yield it


def context(
    browser: Browser, hall: Gallery, who: str, language: str, *, scripts: bool = True
) -> BrowserContext:
    it = browser.new_context(
        base_url=hall.url, viewport={"width": 1280, "height": 900}, java_script_enabled=scripts
    )
    cookies = {"pj_language": ("/", language), LOGIN: ("/hub/", hall.cookies[who][LOGIN])}
    it.add_cookies(
        [{"name": name, "value": value, "domain": "127.0.0.1", "path": path}
         for name, (path, value) in cookies.items()]
    )  # fmt: skip
    it.set_default_timeout(30_000)
    return it


def row(page: Page, name: str) -> Locator:
    return page.locator("tbody tr").filter(has=page.get_by_role("link", name=name, exact=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_follows_its_servers_and_what_is_ticked_stays_ticked(
    browser: Browser, hall: Gallery, language: str
) -> None:
    with (
        context(browser, hall, "chen.wei", language) as it,
        context(browser, hall, "gao.lin", language) as other,
    ):
        chen, gao = it.new_page(), Person(other, language)
        chen.goto("/hub/admin?q=gao.lin")
        box = chen.get_by_role(
            "checkbox", name=translated("Select %(name)s", language) % {"name": "gao.lin"}
        )
        box.check()
        loaded = chen.evaluate("performance.timeOrigin")
        gao.page.goto("/hub/home")
        gao.page.get_by_role("button", name=gao.say("Start my server")).click()
        running = row(chen, "Gao Lin").get_by_text(translated("Running", language), exact=True)
        expect(running).to_be_visible(timeout=30_000)  # a start, and a look every few seconds
        assert chen.evaluate("performance.timeOrigin") == loaded, "nobody has loaded it again"
        expect(box).to_be_checked()


def test_people_are_picked_by_keyboard_asked_about_and_deleted_for_good_and_brought_back(
    browser: Browser, hall: Gallery
) -> None:
    with context(browser, hall, "chen.wei", "en") as it:
        page = it.new_page()
        page.goto("/hub/admin?q=student-0")
        bar = page.get_by_role("group", name="With the selected people")
        expect(bar).to_be_hidden()
        boxes = page.locator("[data-row]")
        boxes.nth(0).focus()
        page.keyboard.press("Space")
        expect(bar).to_be_visible()
        boxes.nth(3).click(modifiers=["Shift"])
        expect(bar.get_by_role("status")).to_have_text("4 selected")
        page.keyboard.press("Escape")
        delete = bar.get_by_role("button", name="Delete…")
        delete.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Delete 4 people?")).to_be_visible()
        names = page.get_by_role("list", name="Selected people").get_by_role("listitem")
        expect(names).to_have_count(4)
        page.get_by_label(re.compile("Type the number")).fill("4")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Deleted: 4 people.")).to_be_visible()
        page.goto("/hub/admin?q=student-0")
        expect(boxes).to_have_count(6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_are_found_are_ticked_and_counted(
    browser: Browser, hall: Gallery, language: str
) -> None:
    with context(browser, hall, "chen.wei", language) as it:
        page = it.new_page()
        page.goto("/hub/admin?q=student")
        page.get_by_label(translated("Select all shown", language)).check()
        bar = page.get_by_role("group", name=translated("With the selected people", language))
        told = translated("%%d selected", language).replace("%%d", "{}")
        expect(bar.get_by_role("status")).to_have_text(told.format(50))
        bar.get_by_role("checkbox").check()
        expect(bar.get_by_role("status")).to_have_text(told.format(60))
        bar.get_by_role("button", name=translated("Stop servers…", language)).click()
        asked = translated("Stop the servers of {n} people?", language).format(n=60)
        expect(page.get_by_role("heading", name=asked)).to_be_visible()
        page.get_by_role("link", name=translated("Change nothing", language)).click()
        page.wait_for_url(re.compile("/hub/admin$"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_home_comes_back_from_the_trash(browser: Browser, hall: Gallery, language: str) -> None:
    with context(browser, hall, "chen.wei", language) as it:
        chen = Person(it, language)
        page = chen.page
        page.goto("/hub/admin")
        trash = page.get_by_role("region", name=chen.say("Trash"))
        row = trash.get_by_role("row").filter(has_text="he.jing")
        row.get_by_role("button", name=chen.say("Restore")).click()
        expect(page.get_by_role("heading", name=re.compile("He Jing"))).to_be_visible()
        page.goto("/hub/admin")
        row = trash.get_by_role("row").filter(has_text="gao.lin")
        row.get_by_role("button", name=chen.say("Restore…")).click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label(chen.say("Into whose home folder?"))).to_have_value("gao.lin")
        dialog.get_by_role("button", name=chen.say("Restore")).click()
        expect(page.get_by_text(re.compile(r"restored-1-\d{4}"))).to_be_visible()
        expect(trash).to_have_count(0)


def test_without_scripts_people_are_picked_by_boxes_and_one_button(
    browser: Browser, hall: Gallery
) -> None:
    with context(browser, hall, "chen.wei", "en", scripts=False) as it:
        page = it.new_page()
        page.goto("/hub/admin?q=group:ml-2026")
        page.get_by_label("Select du.fan").check()
        page.get_by_role("button", name="Let in…").click()
        expect(page.get_by_role("heading", name="Let this person in?")).to_be_visible()
        page.get_by_role("button", name="Let in", exact=True).click()
        expect(page.get_by_text("They can sign in now: Du Fan.")).to_be_visible()
