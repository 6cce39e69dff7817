"""Two people in two browsers share a real server, in both languages."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.box import Up
from tests.e2e.chromium import person
from tests.e2e.lab import Lab
from tests.e2e.pages import Person

ROLES = {"user": {"scopes": ["self", "shares!user", "read:users:name", "read:groups:name"]}}
CONFIG = {
    "hub": {
        "config": {
            "JupyterHub": {"authenticator_class": "dummy"},
            "Authenticator": {"allow_all": True},
        },
        "loadRoles": ROLES,
    },
}
PATIENCE = 30.0
WHOSE = "import os; print(os.environ['JUPYTERHUB_USER'])"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    it = Up(tmp_path_factory.mktemp("sharing"))
    it.file.write_text(json.dumps({"proxy": {"port": it.public}, **CONFIG}))
    try:
        it.start()
        yield it
        assert it.stop() == 0
    finally:
        it.end()


def enters(somebody: Person, name: str) -> None:
    """Sign in where the browser is; any password will do."""
    page = somebody.page
    page.get_by_label(somebody.say("User name")).fill(name)
    page.get_by_label(somebody.say("Password")).fill("anything")
    page.get_by_role("button", name=somebody.say("Sign in"), exact=True).click()
    page.wait_for_url(lambda url: "/hub/login" not in url)


def opens_sharing(owner: Person, server: str) -> None:
    owner.go_home()
    words = f"{owner.say('Share…')} {server}"
    owner.page.get_by_role("link", name=words).click()
    owner.sees("Shared with")


def makes_a_link(owner: Person) -> str:
    """Return the address of a new link, as it is shown."""
    page = owner.page
    page.locator('[data-dialog="link"]').click()
    page.get_by_role("button", name=owner.say("Make the link")).click()
    owner.sees("Copy the link now")
    return page.locator("#address").inner_text()


def revokes(owner: Person, whom: str) -> None:
    """Take the share of `whom` back."""
    page = owner.page
    name = owner.say("Revoke %(name)s") % {"name": whom}
    page.get_by_label(name, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=owner.say("Revoke"), exact=True).click()
    said = owner.say("{what} cannot use the server any more.").format(what=whom)
    expect(page.get_by_text(said)).to_be_visible()


def is_refused(guest: Person, path: str) -> float:
    """Return after how many seconds the server says no to its guest, who has it open."""
    begun = time.monotonic()
    while True:
        answer = guest.page.goto(path)
        assert answer is not None
        if answer.status in {403, 404}:
            return time.monotonic() - begun
        assert time.monotonic() - begun < PATIENCE, f"{answer.status} {guest.page.url}"


def by_a_link(owner: Person, guest: Person, alice: str, bob: str) -> float:
    """Share by a link, work there, take it back; return how long that took."""
    opens_sharing(owner, owner.say("Default server"))
    guest.page.goto(makes_a_link(owner))
    enters(guest, bob)  # the link waits for them
    guest.sees_about("Use a server of %(name)s?", name=alice)
    guest.page.get_by_role("button", name=guest.say("Accept"), exact=True).click()
    lab = Lab(guest.page).wait()
    assert f"/user/{alice}/lab" in guest.page.url
    lab.new_notebook()
    expect(lab.run(WHOSE)).to_have_text(alice)
    opens_sharing(owner, owner.say("Default server"))
    revokes(owner, bob)
    took = is_refused(guest, f"/user/{alice}/lab")
    guest.go_home()
    expect(guest.page.get_by_text(guest.say("Shared with me"))).to_have_count(0)
    return took


def by_name(owner: Person, guest: Person, alice: str, bob: str) -> None:
    """Share with a person, who finds it at home and is asked once; take it back."""
    page = owner.page
    page.locator('[data-dialog="user"]').click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(owner.say("User name")).fill(bob)
    dialog.get_by_role("button", name=owner.say("Share"), exact=True).click()
    said = owner.say("{what} can use the server now.").format(what=bob)
    expect(page.get_by_text(said)).to_be_visible()
    guest.go_home()
    guest.sees("Shared with me")
    guest.page.locator(f'main a[href="/user/{alice}/"]').click()
    guest.sees_about("Use a server of %(name)s?", name=alice)
    guest.page.get_by_role("button", name=guest.say("Open"), exact=True).click()
    Lab(guest.page).wait()
    revokes(owner, bob)
    is_refused(guest, f"/user/{alice}/lab")


@pytest.mark.parametrize(("language", "locale"), [("en", "en-US"), ("zh", "zh-CN")])
def test_a_server_is_shared_by_a_link_and_by_name_and_taken_back(
    up: Up, browser: Browser, language: str, locale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    alice, bob = f"alice-{language}", f"bob-{language}"
    url = up.told["url"]
    with person(browser, url, locale) as hers, person(browser, url, locale) as his:
        owner, guest = Person(hers, language), Person(his, language)
        owner.page.goto("/hub/login")
        enters(owner, alice)
        owner.go_home()
        owner.page.get_by_role("button", name=owner.say("Start my server")).click()
        owner.watch()
        took = by_a_link(owner, guest, alice, bob)
        with capsys.disabled():
            print(f"\n[{language}] refused {took:.2f} s after it was revoked")  # noqa: T201 - asked for
    with person(browser, url, locale) as hers, person(browser, url, locale) as his:
        owner, guest = Person(hers, language), Person(his, language)
        for somebody, name in ((owner, alice), (guest, f"carol-{language}")):
            somebody.page.goto("/hub/login")
            enters(somebody, name)
        opens_sharing(owner, owner.say("Default server"))
        by_name(owner, guest, alice, f"carol-{language}")
