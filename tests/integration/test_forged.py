"""Every write that a browser could be led into, without the proof of a page: nothing moves."""

import re

import pytest

from perijove.api import routes as api
from perijove.app import Running
from perijove.oauth import routes as oauth
from perijove.settings import of
from perijove.store.database import Database
from perijove.web import routes as web
from tests.browser import Browser
from tests.parts import hub, user

of({})  # settings read their tables when they are first used
FORM = {"content-type": "application/x-www-form-urlencoded"}
WRITES = sorted({
    (it.method, f"/hub/api{it.path}") for it in api.ROUTES if it.method not in {"GET", "HEAD"}
})  # fmt: skip
POSTS = sorted({
    f"/hub{it.path}" for it in [*web.PAGES, *oauth.PAGES] if it.method == "POST"
} - {"/hub/login", "/hub/language"})  # fmt: skip


@pytest.fixture
async def running(database: Database) -> Running:
    it = await hub(database)
    await user(it, "ada")
    return it


async def signed_in(running: Running, name: str) -> Browser:
    """Return a browser of an administrator: so that nothing but the proof is missing."""
    browser = Browser(running)
    await browser.sign_in(await user(running, name, admin=True))
    return browser


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "ada", path)


async def test_no_write_by_cookie_works_without_the_proof_of_ones_own_page(
    running: Running,
) -> None:
    assert len(WRITES) + len(POSTS) > 50
    root, eve = await signed_in(running, "root"), await signed_in(running, "eve")
    hers = await eve.xsrf()
    for value in ("", "wrong", hers):
        shown = {"x-xsrftoken": value, "sec-fetch-site": "same-origin"}
        for method, path in WRITES:
            answer = await root.http.request(method, concrete(path), headers=shown)
            assert answer.status_code in {403, 404}, (method, path, value[:9], answer.text[:200])
        for path in POSTS:
            form = {"_xsrf": value} if value else {}
            answer = await root.http.post(concrete(path), data=form)
            assert answer.status_code in {403, 404}, (path, value[:9], answer.status_code)
    people = {it.name for it in await running.hub.accounts.all()}
    assert people == {"ada", "root", "eve"}
