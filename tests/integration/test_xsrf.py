"""The proof in a form is good for as long as its page is, at whatever moment that was drawn."""

from itertools import count

import pytest

from perijove.app import Running
from perijove.http.cookies import XSRF
from perijove.kit.clock import Clock
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import hub, user

of({})  # settings read their tables when they are first used
JSON = {"content-type": "application/json"}


def hurried() -> Clock:
    """Return a clock on which half a second passes whenever somebody looks."""
    steps = count(1000.0, 0.5)
    return Clock(steady=lambda: next(steps))


@pytest.fixture
async def running(database: Database) -> Running:
    return await hub(database, clock=hurried())


async def asked_by_nobody(browser: Browser) -> str:
    shown = (await browser.get("hub/login")).text
    return shown.partition('name="_xsrf" value="')[2].partition('"')[0]


async def start(browser: Browser, value: str) -> int:
    path = "hub/api/users/ada/server"
    answer = await browser.post(path, headers={**JSON, "x-xsrftoken": value})
    return answer.status_code


async def test_a_form_and_its_cookie_agree_although_a_second_ended_between_them(
    running: Running,
) -> None:
    ada = await user(running)
    for _ in range(4):
        browser = Browser(running)
        await browser.sign_in(ada)
        assert await browser.xsrf() == browser.http.cookies[XSRF]


async def test_of_two_tabs_restored_at_once_both_forms_are_good(running: Running) -> None:
    browser = Browser(running)
    await browser.sign_in(await user(running))
    first = await browser.xsrf()
    browser.http.cookies.delete(XSRF)  # the second had asked before the first was answered
    second = await browser.xsrf()
    assert first != second
    assert await start(browser, first) == 202


@pytest.mark.parametrize("of", ["another session", "nobody"])
async def test_a_value_of_somebody_else_is_none(running: Running, of: str) -> None:
    ada, eve = Browser(running), Browser(running)
    await ada.sign_in(await user(running))
    await ada.xsrf()
    if of == "nobody":
        value = await asked_by_nobody(eve)
    else:
        await eve.sign_in(await user(running))
        value = await eve.xsrf()
    assert await start(ada, value) == 403


async def test_who_has_not_signed_in_shows_the_value_of_their_own_cookie(running: Running) -> None:
    await running.hub.accounts.create("bob", password="a sentence works well")
    bob, neighbour = Browser(running), Browser(running)  # of one address, and the same programs
    mine, theirs = await asked_by_nobody(bob), await asked_by_nobody(neighbour)
    assert mine != theirs
    form = {"username": "bob", "password": "a sentence works well"}
    assert (await bob.post("hub/login", data={**form, "_xsrf": theirs})).status_code == 403
    assert (await bob.post("hub/login", data={**form, "_xsrf": mine})).status_code in {302, 303}
