"""An answer of before somebody signed in is old; one that nobody has changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from perijove.authenticators import Identity
from perijove.core.sessions import Sessions
from perijove.model.errors import Stale
from perijove.store import auth_states as store
from perijove.store.database import Database
from tests.directory import role
from tests.integration.test_managed import At
from tests.integration.test_refresh import NEWER, STATE, TREE, Asked
from tests.web.desk import Browser

OLD = Identity(
    "ada", admin=True, groups=frozenset({"staff", "gpu"}), roles=(role("admin"),), auth_state=STATE
)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
OTHER_KEY = {**TREE, "config": {"CryptKeeper": {"keys": ["22" * 32]}}}


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    it = Asked(database)
    async with it.place.stack:
        yield it


async def asks(asked: Asked, browser: Browser) -> "asyncio.Future[httpx.Response]":
    """Come with an answer that is old; return when the authenticator is being asked."""
    asked.directory.slow = asyncio.Event()
    before = len(asked.directory.asked)
    page = asyncio.ensure_future(asked.later(browser))
    async with asyncio.timeout(20):
        while len(asked.directory.asked) == before:
            await asyncio.sleep(0.01)
    return page


def less(asked: Asked) -> None:
    """Answer what was true; from now on they are in one group, and have no role."""
    asked.directory.known = OLD
    asked.directory.put("ada", groups=frozenset({"staff"}), roles=(), auth_state=NEWER)
    asked.hands.seconds += 1


@pytest.mark.parametrize("rules", [[], ["ada"]])
async def test_an_answer_takes_the_administrator_from_whom_no_rule_names(
    asked: Asked, rules: list[str]
) -> None:
    at = await asked.hub(admin_users=rules)
    asked.directory.put("ada", admin=True)
    browser = await asked.browser(at)
    assert (await browser.get("/admin")).status_code == 200
    asked.directory.put("ada", admin=None)
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == 200
    asked.directory.put("ada", admin=False)
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == (200 if rules else 403)


async def has_less(at: At) -> None:
    found = await at.of("ada")
    assert (found["groups"], found["roles"], found["admin"]) == (["staff"], ["user"], False)
    assert found["auth_state"] == NEWER


async def test_an_old_answer_writes_nothing_over_a_newer_sign_in(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    page = await asks(asked, browser)
    less(asked)
    new = await asked.browser(at)
    assert asked.directory.slow
    asked.directory.slow.set()
    assert (await page).url.path == "/hub/home"
    await has_less(at)
    assert (await new.get("/home")).url.path == "/hub/home"


@pytest.mark.parametrize("traits", [{"manage_groups": False}, {"manage_roles": False}, {}])
async def test_nor_over_one_that_is_not_done_yet(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, traits: dict[str, bool]
) -> None:
    at = await asked.hub(**traits)
    browser = await asked.browser(at)
    page = await asks(asked, browser)
    less(asked)
    begin, settled, go = Sessions.begin, asyncio.Event(), asyncio.Event()

    async def later(self: Sessions, *args: Any, **more: Any) -> Any:
        settled.set()
        await go.wait()
        return await begin(self, *args, **more)

    monkeypatch.setattr(Sessions, "begin", later)
    new = asyncio.ensure_future(asked.browser(at))
    async with asyncio.timeout(20):
        await settled.wait()
    before = await at.of("ada")
    assert asked.directory.slow
    asked.directory.slow.set()
    assert (await page).url.path == "/hub/home"
    found = await at.of("ada")
    for what in ("groups", "roles", "admin", "auth_state"):
        assert found[what] == before[what]
    go.set()
    await new
    assert (await at.of("ada"))["auth_state"] == NEWER


async def test_an_answer_is_kept_only_by_who_has_claimed_it(asked: Asked) -> None:
    at = await asked.hub()
    await asked.browser(at)
    database = asked.place.database
    user = await at.running.hub.accounts.named("ada")
    assert user
    mine, other = NOW + timedelta(seconds=30), NOW + timedelta(seconds=31)
    was = await database.read(store.find(user.id))
    assert was
    for claimed in (None, other):
        if claimed:
            await database.write(store.claim(user.id, NOW, claimed))
        for sealed in ("of an old answer", None):
            with pytest.raises(Stale):
                await database.write(*store.answered(user.id, mine, NOW, sealed))
        with pytest.raises(Stale):
            await database.write(store.hold(user.id, mine))
        kept = await database.read(store.find(user.id))
        assert kept
        assert (kept.sealed, kept.refreshed) == (was.sealed, was.refreshed)
    await database.write(store.hold(user.id, other))
    await database.write(*store.answered(user.id, other, NOW, "of mine"))
    kept = await database.read(store.find(user.id))
    assert kept
    assert (kept.sealed, kept.refreshed) == ("of mine", NOW)


async def test_who_has_a_state_that_no_key_opens_is_not_asked_about(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    one = await asked.hub()
    two = await asked.place.hub(OTHER_KEY, enable_auth_state=True)
    browser = await asked.browser(one)
    there = two.browser()
    there.http.cookies.update(dict(browser.http.cookies))
    asked.directory.known = False  # an authenticator that lives by the state says so without it
    assert (await asked.later(there)).url.path == "/hub/home"
    assert asked.directory.asked == []
    assert "cannot be decrypted" in caplog.text
    asked.directory.known = None
    assert (await asked.later(browser, 31)).url.path == "/hub/home"
    assert asked.directory.asked == [("ada", STATE)]
