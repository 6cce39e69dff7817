"""One's own page in a real browser: name, language, theme, where one is signed in, tokens."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.chromium import person
from tests.e2e.gallery import Gallery, gallery
from tests.e2e.pages import Person
from tests.web.desk import PASSWORD

OTHER = {"en": "zh", "zh": "en"}
NEW = "another sentence works as well"


@pytest.fixture
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with gallery(tmp_path_factory.mktemp("gallery")) as it:
        yield it


def signed_in(browser: Browser, hall: Gallery, language: str, password: str = PASSWORD) -> Person:
    """Return Gao Lin in a browser of her own."""
    it = Person(person(browser, hall.url, "zh-CN" if language == "zh" else "en-US"), language)
    it.page.goto("/hub/login")
    it.sign_in("gao.lin", password)
    return it


@pytest.mark.parametrize("language", OTHER)
def test_a_name_a_language_and_a_theme_are_kept(
    browser: Browser, hall: Gallery, language: str
) -> None:
    gao = signed_in(browser, hall, language)
    page = gao.page
    page.goto("/hub/account")
    page.get_by_label(gao.say("Name")).fill("Gao L.")
    page.get_by_role("radio", name={"zh": "简体中文", "en": "English"}[OTHER[language]]).check()
    page.get_by_role("radio", name=gao.say("Dark")).check()
    page.get_by_role("button", name=gao.say("Save")).click()
    there = Person(page.context, OTHER[language])
    there.page.goto("/hub/account")
    there.sees("My account")
    expect(there.page.locator("header .who")).to_contain_text("Gao L.")
    expect(there.page.locator("html")).to_have_attribute("data-theme", "dark")
    page.context.close()
    with person(browser, hall.url, "en-US") as elsewhere:
        page = elsewhere.new_page()
        page.goto("/hub/login")
        page.get_by_label("User name").fill("gao.lin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        Person(elsewhere, OTHER[language]).page.goto("/hub/account")
        expect(
            elsewhere.pages[-1].get_by_role("heading", name=there.say("My account"))
        ).to_be_visible()


@pytest.mark.parametrize("language", OTHER)
def test_other_browsers_are_seen_and_signed_out_one_by_one_and_all(
    browser: Browser, hall: Gallery, language: str
) -> None:
    here, *others = [signed_in(browser, hall, language) for _ in range(3)]
    page = here.page
    page.goto("/hub/account")
    listed = page.get_by_role("region", name=here.say("Where you are signed in")).get_by_role(
        "listitem"
    )
    expect(listed).to_have_count(4)  # with the one of the gallery itself
    expect(listed.first).to_contain_text(here.say("this one"))
    listed.nth(1).get_by_role("button").click()
    expect(page.get_by_text(here.say("That browser is signed out."))).to_be_visible()
    expect(listed).to_have_count(3)
    page.get_by_role("button", name=here.say("Sign out everywhere else")).click()
    page.get_by_role("dialog").get_by_role("button", name=here.say("Sign out")).click()
    expect(listed).to_have_count(1)
    for each in others:
        each.page.goto("/hub/account")
        button = each.page.get_by_role("button", name=each.say("Sign in"), exact=True)
        expect(button).to_be_visible()
        each.page.context.close()
    page.context.close()


@pytest.mark.parametrize("language", OTHER)
def test_a_password_is_changed_by_who_knows_it(
    browser: Browser, hall: Gallery, language: str
) -> None:
    gao = signed_in(browser, hall, language)
    page = gao.page
    page.goto("/hub/account")
    for old, told in (
        ("wrong", "That is not the current password."),
        (PASSWORD, "The password is changed. Every other browser must sign in again."),
    ):
        page.get_by_label(gao.say("Current password")).fill(old)
        page.get_by_label(gao.say("New password")).fill(NEW)
        page.get_by_role("button", name=gao.say("Change password")).click()
        expect(page.get_by_text(gao.say(told))).to_be_visible()
    signed_in(browser, hall, language, NEW).page.context.close()
    page.context.close()


@pytest.mark.parametrize("language", OTHER)
def test_a_token_is_shown_once_and_revoked_after_its_loss_was_read(
    browser: Browser, hall: Gallery, language: str
) -> None:
    gao = signed_in(browser, hall, language)
    page = gao.page
    page.goto("/hub/token")
    page.get_by_role("button", name=gao.say("New token")).click()
    page.get_by_label(gao.say("What is it for?")).fill("backup")
    page.get_by_role("button", name=gao.say("Create token")).click()
    gao.sees("Copy your token now")
    secret = page.locator("#token").inner_text()
    page.goto("/hub/token")
    assert secret not in page.content()
    page.get_by_role("button", name=gao.say("Revoke %(name)s") % {"name": "backup"}).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        gao.say(
            "Programs that use this token are refused from now on."
            " It cannot be brought back; a new one can be made."
        )
    )
    dialog.get_by_role("link", name=gao.say("Keep")).or_(
        dialog.get_by_role("button", name=gao.say("Keep"))
    ).click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name=gao.say("Revoke %(name)s") % {"name": "backup"}).click()
    dialog.get_by_role("button", name=gao.say("Revoke"), exact=True).click()
    expect(
        page.get_by_text(gao.say("The token is revoked: it opens nothing any more."))
    ).to_be_visible()
    page.context.close()
